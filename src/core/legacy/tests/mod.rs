//! Old Promises in today's form, and the rules of older outputs.

mod pod;

use serde_json::{Value, json};

use super::*;
use crate::contract::{Node, Object, kinds};
use crate::core::promise::{Promise, WorkflowAction, WorkflowType, check};
use crate::core::{crd, schema};

fn promise(spec: Value) -> Object {
    Object::from_value(json!({
        "apiVersion": kinds::PROMISE.api_version(),
        "kind": "Promise",
        "metadata": {"name": "jenkins"},
        "spec": spec,
    }))
    .unwrap()
}

fn spec_of(spec: Value) -> Value {
    translate(&promise(spec)).unwrap().unwrap().object.spec().unwrap().clone()
}

#[test]
fn images_become_stages_of_one_pipeline_chained_by_volumes() {
    let spec = spec_of(json!({"xaasRequestPipeline": ["one:1", "two:2", "three:3"]}));
    let mount = |volume: &str, path: &str| json!({"name": volume, "mountPath": path});
    let stage = |number: u8, image: &str, input: &str, output: &str| {
        json!({"name": format!("stage-{number}"), "image": image, "volumeMounts": [
            mount(input, "/input"), mount(output, "/output"), mount("shared-metadata", "/metadata"),
        ]})
    };
    let expected = json!({
        "apiVersion": kinds::PROMISE.api_version(),
        "kind": "Pipeline",
        "metadata": {"name": "request", "annotations": {"bookend/layout": "xaas"}},
        "spec": {
            "containers": [
                stage(1, "one:1", "shared-input", "hop-1"),
                stage(2, "two:2", "hop-1", "hop-2"),
                stage(3, "three:3", "hop-2", "shared-output"),
            ],
            "volumes": [{"name": "hop-1", "emptyDir": {}}, {"name": "hop-2", "emptyDir": {}}],
            "rbac": {"serviceAccount": "jenkins-default-promise-pipeline"},
        },
    });
    assert_eq!(spec, json!({"workflows": {"resource": {"configure": [expected]}}}));
}

#[test]
fn one_image_needs_no_volume_between_stages() {
    let spec = spec_of(json!({"xaasRequestPipeline": ["one"]}));
    let pipeline = &spec["workflows"]["resource"]["configure"][0]["spec"];
    assert_eq!(pipeline["containers"][0]["volumeMounts"][1]["name"], "shared-output");
    assert_eq!(pipeline.get("volumes"), None);
}

#[test]
fn every_old_field_has_one_of_today() {
    let translated = translate(&promise(json!({
        "xaasCrd": {"kind": "CustomResourceDefinition"},
        "workerClusterResources": [{"kind": "Namespace"}],
        "clusterSelector": {"environment": "dev"},
        "xaasRequestPipeline": null,
        "requiredPromises": [{"name": "postgres"}],
    })))
    .unwrap()
    .unwrap();
    assert_eq!(
        translated.object.spec().unwrap(),
        &json!({
            "api": {"kind": "CustomResourceDefinition"},
            "dependencies": [{"kind": "Namespace"}],
            "destinationSelectors": [{"matchLabels": {"environment": "dev"}}],
            "requiredPromises": [{"name": "postgres"}],
        })
    );
    let fields = ["xaasRequestPipeline", "xaasCrd", "workerClusterResources", "clusterSelector"];
    assert_eq!(translated.old_fields, fields.map(|field| format!("spec.{field}")));
    assert_eq!(translated.notes, Vec::<String>::new(), "there is no image to speak of");
}

#[test]
fn todays_form_is_left_alone_and_a_translated_one_stays_as_it_is() {
    assert_eq!(translate(&promise(json!({"workflows": {}}))).unwrap(), None);
    assert_eq!(translate(&promise(Value::Null)).unwrap(), None);
    let once = translate(&promise(json!({"xaasRequestPipeline": ["a", "b"]}))).unwrap().unwrap();
    assert_eq!(translate(&once.object).unwrap(), None);
}

#[test]
fn what_means_nothing_is_refused() {
    for (spec, expect) in [
        (
            json!({"xaasRequestPipeline": ["a"], "workflows": {"promise": {}}}),
            "both `spec.xaasRequestPipeline` and `spec.workflows` are set",
        ),
        (
            json!({"xaasCrd": {"a": 1}, "api": {"a": 1}}),
            "both `spec.xaasCrd` and `spec.api` are set",
        ),
        (
            json!({"xaasRequestPipeline": "a"}),
            "expected a list of images at `spec.xaasRequestPipeline`",
        ),
        (
            json!({"xaasRequestPipeline": ["a", {"image": "b"}]}),
            "expected the name of an image at `spec.xaasRequestPipeline[1]`",
        ),
        (
            json!({"xaasRequestPipeline": [" "]}),
            "expected the name of an image at `spec.xaasRequestPipeline[0]`",
        ),
        (json!({"clusterSelector": []}), "expected a map of labels at `spec.clusterSelector`"),
        (json!({"clusterSelector": {"a": 1}}), "expected text at `spec.clusterSelector.a`"),
    ] {
        let error = translate(&promise(spec)).unwrap_err();
        assert_eq!(error.to_string(), expect);
        assert!(!error.hint().is_empty());
    }
}

#[test]
fn what_cannot_be_translated_is_said() {
    let translated = translate(&promise(json!({"xaasRequestPipeline": ["a"]}))).unwrap().unwrap();
    let notes = translated.notes.join("\n");
    for word in
        ["`/input`", "`/output`", "cluster-selectors.yaml", "bookend/layout", "service account"]
    {
        assert!(notes.contains(word), "{word} in {notes}");
    }
}

fn map(entries: &[(&str, Node)]) -> Node {
    Node::Map(entries.iter().map(|(key, value)| ((*key).to_owned(), value.clone())).collect())
}

fn text(text: &str) -> Node {
    Node::Text(text.into())
}

/// Reads a selectors' file into `key=value`, or into its error.
fn selected(document: &Node) -> Result<Vec<String>, String> {
    let entries = parse_selectors("cluster-selectors.yaml", document).map_err(|e| e.to_string())?;
    assert!(entries.iter().all(|entry| entry.directory == "."));
    let labels = entries.iter().flat_map(|entry| &entry.match_labels);
    Ok(labels.map(|(key, value)| format!("{key}={value}")).collect())
}

#[test]
fn selectors_are_read_in_every_old_shape() {
    let labels = map(&[("env", text("dev")), ("pci", Node::Bool(true))]);
    let entry = map(&[("matchLabels", labels.clone())]);
    for document in [labels, entry.clone(), Node::List(vec![entry.clone()])] {
        assert_eq!(selected(&document).unwrap(), ["env=dev", "pci=true"]);
    }
    let other = map(&[("matchLabels", map(&[("env", text("prod")), ("zone", text("a"))]))]);
    let both = Node::List(vec![entry, other]);
    assert_eq!(selected(&both).unwrap(), ["env=dev", "pci=true", "zone=a"]);
    for nothing in [Node::Null, map(&[]), Node::List(vec![]), map(&[("matchLabels", map(&[]))])] {
        assert!(selected(&nothing).unwrap().is_empty());
    }
    assert_eq!(selected(&map(&[("matchLabels", text("x"))])).unwrap(), ["matchLabels=x"]);
}

#[test]
fn selectors_that_mean_nothing_are_refused() {
    for (document, expect) in [
        (text("x"), "invalid cluster-selectors.yaml: expected a map of labels, found text"),
        (map(&[("a", Node::Null)]), "expected text at `a`, found nothing"),
        (map(&[("a", Node::List(vec![]))]), "expected text at `a`, found a list"),
        (
            Node::List(vec![map(&[
                ("directory", text("x")),
                ("matchLabels", map(&[("a", text("b"))])),
            ])]),
            "entry with index 0 names the directory `x`, and the output has none",
        ),
    ] {
        let error = selected(&document).unwrap_err();
        assert!(error.contains(expect), "{error}");
    }
}

/// Checks one output file with these documents.
fn output(documents: &[Value]) -> Result<(), String> {
    let objects: Vec<Object> =
        documents.iter().map(|value| Object::from_value(value.clone()).unwrap()).collect();
    check_objects("a.yaml", &objects).map_err(|error| error.to_string())
}

#[test]
fn only_documents_that_can_be_applied_are_taken() {
    let object = json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "a"}});
    let list = |items: Value| json!({"apiVersion": "v1", "kind": "List", "items": items});
    assert_eq!(output(&[object.clone(), list(json!([object]))]), Ok(()));
    for (document, field) in [
        (json!({"kind": "Namespace", "metadata": {"name": "a"}}), "apiVersion"),
        (json!({"apiVersion": "v1", "metadata": {"name": "a"}}), "kind"),
        (json!({"apiVersion": "v1", "kind": "Namespace"}), "metadata.name"),
        (
            json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"generateName": "a"}}),
            "metadata.name",
        ),
        (list(json!([object, {"apiVersion": "v1", "kind": "Pod"}])), "items[1].metadata.name"),
        (list(json!(["text"])), "items[0].apiVersion"),
    ] {
        let error = output(&[object.clone(), document]).unwrap_err();
        let expect = format!(
            "document 2 of the output file `a.yaml` is no Kubernetes document: `{field}` is missing"
        );
        assert_eq!(error, expect);
    }
    assert_eq!(output(&[]).unwrap_err(), "the output file `a.yaml` holds no Kubernetes document");
}

#[test]
fn an_output_of_old_has_no_folder() {
    assert_eq!(check_paths([].into_iter()), Ok(()));
    let error = check_paths(["sub"].into_iter()).unwrap_err();
    assert_eq!(
        error.to_string(),
        "the output has the folder `sub`; every file must be at its root"
    );
}

#[test]
fn layouts_have_names() {
    for layout in PodLayout::ALL {
        assert_eq!(PodLayout::from_name(layout.as_str()), Some(layout));
    }
    assert_eq!(PodLayout::from_name("Early"), None);
}

#[test]
fn a_promise_of_the_old_form_is_read_as_one_pipeline() {
    let crd = json!({
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "spec": {
            "group": "db.example.com",
            "scope": "Namespaced",
            "names": {"kind": "Redis", "plural": "redises"},
            "versions": [{"name": "v1", "storage": true}],
        },
    });
    let old = promise(json!({"xaasCrd": crd, "xaasRequestPipeline": ["one", "two"]}));
    let read = Promise::from_object(&old).unwrap();
    let [pipeline] = read.pipelines(WorkflowType::Resource, WorkflowAction::Configure) else {
        panic!("one pipeline")
    };
    assert_eq!(pipeline.layout, PodLayout::Xaas);
    assert_eq!(pipeline.spec.rbac.service_account, "jenkins-default-promise-pipeline");
    assert_eq!(read.request_kind().unwrap().plural, "redises");
    assert_eq!(read.object, old, "the object itself stays as it is");
    let findings: Vec<_> =
        check(&read).into_iter().map(|found| (found.fatal, found.path)).collect();
    let warned = ["spec.xaasRequestPipeline", "spec.xaasCrd"].map(|path| (false, path.to_owned()));
    assert_eq!(findings, warned);
}

#[test]
fn the_crd_of_an_installation_keeps_the_old_fields() {
    let old = promise(json!({
        "xaasCrd": {"kind": "CustomResourceDefinition", "spec": {"group": "a"}},
        "workerClusterResources": [{"kind": "Namespace"}],
        "clusterSelector": {"environment": "dev"},
        "xaasRequestPipeline": ["a"],
    }));
    let crds = crd::own();
    let crd = crds.iter().find(|crd| crd.name().starts_with("promises.")).unwrap();
    let checked = schema::check(&crd.clone().into_value(), "v1alpha1", &old).unwrap();
    assert_eq!(checked.pruned, Vec::<String>::new());
    assert_eq!(checked.object.spec(), old.spec());
}

#[test]
fn a_layout_is_named_by_an_annotation() {
    let with = |name: &str| {
        let mut old = translate(&promise(json!({"xaasRequestPipeline": ["a"]}))).unwrap().unwrap();
        let spec = old.object.0.get_mut("spec").unwrap();
        // Promise workflows need no API.
        let mut list = spec["workflows"]["resource"]["configure"].take();
        list[0]["metadata"]["annotations"] = json!({"bookend/layout": name});
        *spec = json!({"workflows": {"promise": {"configure": list}}});
        Promise::from_object(&old.object).unwrap()
    };
    for layout in PodLayout::ALL {
        let promise = with(layout.as_str());
        let pipelines = promise.pipelines(WorkflowType::Promise, WorkflowAction::Configure);
        assert_eq!(pipelines[0].layout, layout);
        assert_eq!(check(&promise), []);
    }
    let findings: Vec<String> = check(&with("erly"))
        .into_iter()
        .map(|found| format!("{} {}: {}", found.fatal, found.path, found.message))
        .collect();
    assert_eq!(
        findings,
        ["true spec.workflows.promise.configure[0].metadata.annotations.bookend/layout: \
          `erly` is no layout: it is one of `today`, `early`, `xaas`"]
    );
}
