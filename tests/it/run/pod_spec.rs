//! What a container of a pod may ask for: variables, volumes, mounts, commands.

use bookend::exit::{Exit, Fault as _};
use bookend::local::report::Report;

use super::support::{Case, files, only_file, resource, stages};

const OBJECTS: &str = "\
apiVersion: v1
kind: ConfigMap
metadata: {name: settings, namespace: team-a}
data: {colour: red, shape: round, bad-name: x}
binaryData: {blob: /w==}
---
apiVersion: v1
kind: Secret
metadata: {name: login, namespace: team-a}
stringData: {password: 'a b'}
data: {user: bWU=}
";

/// A case with one stage and these fields of its container and its pod.
fn stage(script: &str, container: &str, volumes: &str) -> Case {
    let mut text = stages("p", &[("stage", script)], container);
    if !volumes.is_empty() {
        text += &format!("          volumes: {volumes}\n");
    }
    let mut case = resource(&text);
    case.with(OBJECTS);
    case
}

#[track_caller]
fn output(case: &Case) -> Vec<String> {
    lines(&case.succeeds())
}

fn lines(report: &Report) -> Vec<String> {
    report.pipelines[0].stages[0].ended.tail.lines().map(str::to_owned).collect()
}

#[test]
fn variables_come_from_config_maps_secrets_and_the_pod() {
    needs_namespaces!();
    let container = "            envFrom:
            - {prefix: S_, configMapRef: {name: shapes, optional: true}}
            - {prefix: L_, secretRef: {name: login}}
            env:
            - {name: COLOUR, valueFrom: {configMapKeyRef: {name: settings, key: colour}}}
            - {name: NONE, valueFrom: {secretKeyRef: {name: login, key: none, optional: true}}}
            - {name: BOTH, value: '$(COLOUR)-$(L_user)-$$(L_user)-$(NOPE)'}
            - {name: POD_NAMESPACE, valueFrom: {fieldRef: {fieldPath: metadata.namespace}}}
            - {name: PROMISE, valueFrom: {fieldRef: {fieldPath: \"metadata.labels['kratix.io/promise-name']\"}}}
            - {name: ACCOUNT, valueFrom: {fieldRef: {fieldPath: spec.serviceAccountName}}}
            - {name: MEMORY, valueFrom: {resourceFieldRef: {resource: limits.memory, divisor: 1Mi}}}
            - {name: KRATIX_OBJECT_NAME, value: mine}
";
    let script = "echo $L_user:$L_password:$BOTH; echo ${NONE-unset}; echo $POD_NAMESPACE $PROMISE $ACCOUNT $MEMORY; echo $KRATIX_OBJECT_NAME $KRATIX_OBJECT_KIND";
    assert_eq!(
        output(&stage(script, container, "")),
        [
            "me:a b:red-me-$(L_user)-$(NOPE)",
            "unset",
            "team-a database database-resource-configure-p 256",
            "mine Database",
        ]
    );
}

#[test]
fn volumes_hold_config_maps_secrets_and_the_pod() {
    needs_namespaces!();
    let container = "            volumeMounts:
            - {name: settings, mountPath: /etc/settings}
            - {name: login, mountPath: /run/login, readOnly: true}
            - {name: about, mountPath: /etc/podinfo}
            - {name: all, mountPath: /all}
            - {name: settings, mountPath: /etc/one/shape, subPath: shape}
";
    let volumes = "
          - {name: settings, configMap: {name: settings}}
          - {name: login, secret: {secretName: login, defaultMode: 256, items: [{key: password, path: deep/pw}]}}
          - {name: about, downwardAPI: {items: [{path: labels, fieldRef: {fieldPath: metadata.labels}}]}}
          - name: all
            projected:
              sources:
              - {configMap: {name: settings, items: [{key: colour, path: c}]}}
              - {secret: {name: login, items: [{key: user, path: u}]}}
              - {secret: {name: nowhere, optional: true}}";
    let script = "ls /etc/settings; cat /run/login/deep/pw; echo; stat -c %a /run/login/deep/pw; grep -c kratix.io/promise-name /etc/podinfo/labels; cat /all/c /all/u /etc/one/shape; echo; touch /etc/settings/new || echo read-only";
    let lines = output(&stage(script, container, volumes));
    assert_eq!(
        lines[..9],
        ["bad-name", "blob", "colour", "shape", "a b", "400", "1", "redmeround", lines[8].as_str()]
    );
    assert_eq!(lines.last().unwrap(), "read-only");
}

#[test]
fn empty_volumes_are_shared_between_stages_of_one_pod_only() {
    needs_namespaces!();
    let mounts = "            volumeMounts: [{name: shared, mountPath: /shared}, {name: shared, mountPath: /sub, subPath: deep/er}]\n";
    let scripts = [
        ("one", "ls -A /shared; echo 1 > /shared/a; echo 2 > /sub/b"),
        ("two", "cat /shared/a /shared/deep/er/b > /kratix/output/both"),
    ];
    let text =
        stages("p", &scripts, mounts) + "          volumes: [{name: shared, emptyDir: {}}]\n";
    let case = resource(&text);
    assert_eq!(only_file(&case.succeeds()), "1\n2\n");
    assert_eq!(lines(&case.succeeds()), ["deep"], "the second run starts empty");
}

#[test]
fn a_claim_is_an_empty_folder_with_a_warning() {
    needs_namespaces!();
    let mounts = "            volumeMounts: [{name: data, mountPath: /data}]\n";
    let case = stage(
        "touch /data/x; ls /data",
        mounts,
        "[{name: data, persistentVolumeClaim: {claimName: c}}]",
    );
    let report = case.succeeds();
    assert_eq!(lines(&report), ["x"]);
    assert_eq!(
        report.warnings,
        ["an empty folder stands in for volume `data`, a persistentVolumeClaim"]
    );
}

#[test]
fn the_input_refuses_writing() {
    needs_namespaces!();
    let script = "touch /kratix/input/x 2>/dev/null && exit 1; echo >> /kratix/input/object.yaml && exit 1; rm -f /kratix/input/object.yaml && exit 1; test -s /kratix/input/object.yaml";
    stage(script, "", "").succeeds();
}

#[test]
fn arguments_are_expanded() {
    needs_namespaces!();
    let container = "            args: ['$(KRATIX_OBJECT_NAME)', '$$(X)']\n";
    let case = stage("echo $0 $1 > /kratix/output/here; test $PWD = /", container, "");
    assert_eq!(files(&case.succeeds()), [("here".into(), "orders $(X)\n".into())]);
}

#[track_caller]
fn fails(case: &Case, exit: Exit, expect: &str) {
    let error = case.run().map(|report| report.status).unwrap_err();
    let text = bookend::report::render(&error);
    assert_eq!(text, format!("error: failed to run pipeline `p`\n{expect}"));
    assert_eq!(error.exit(), exit);
}

#[test]
fn a_config_map_that_is_not_there_is_named() {
    needs_namespaces!();
    let container = "            envFrom: [{configMapRef: {name: nowhere}}]\n";
    let expect = "  caused by: `envFrom` of container `stage` needs configmaps team-a/nowhere, which is not there\n  hint: add it: `--with FILE` with a ConfigMap `nowhere` in the namespace `team-a`, or put it into the folder of `--cluster`\n";
    fails(&stage("true", container, ""), Exit::Input, expect);
}

#[test]
fn a_key_that_is_not_there_is_named() {
    needs_namespaces!();
    let container =
        "            env: [{name: X, valueFrom: {secretKeyRef: {name: login, key: none}}}]\n";
    let expect = "  caused by: variable `X` of container `stage` needs the key `none` of secrets team-a/login, which has none of that name\n  hint: add `none` to the Secret, or say `optional: true` where it is used\n";
    fails(&stage("true", container, ""), Exit::Input, expect);
}

#[test]
fn a_token_of_a_service_account_cannot_be_had() {
    needs_namespaces!();
    let volumes = "[{name: token, projected: {sources: [{serviceAccountToken: {path: token}}]}}]";
    let expect = "  caused by: volume `token` has a source of the kind `serviceAccountToken`, which a local run does not have\n  hint: use a ConfigMap or Secret for the local run, given with `--with FILE`\n";
    fails(&stage("true", "", volumes), Exit::Input, expect);
}

#[test]
fn a_command_of_the_image_can_be_stood_in_for() {
    needs_namespaces!();
    let text = stages("p", &[("stage", "")], "").replace(
        "            command: [sh, -ec, \"\"]\n",
        "            args: ['echo $0 > /kratix/output/x', hi]\n",
    );
    let mut case = resource(&text);
    let expect = "  caused by: container `stage` has no `command`: what the image `none` starts is not known here\n  hint: say what it starts: `--stage stage='COMMAND ARGUMENT…'`, or set `command` in the pipeline\n";
    fails(&case, Exit::Input, expect);
    case.args.commands = [("stage".to_owned(), vec!["sh".to_owned(), "-ec".to_owned()])].into();
    assert_eq!(only_file(&case.succeeds()), "hi\n");
    case.args.commands = [("other".to_owned(), vec!["sh".to_owned()])].into();
    let error = case.run().unwrap_err();
    assert_eq!(error.to_string(), "no container is called `other` in this workflow");
}

#[test]
fn a_wrong_metadata_file_fails_the_run_and_the_pipeline() {
    needs_namespaces!();
    let case = stage("echo 'kratix: {}' > /kratix/metadata/status.yaml", "", "");
    let error = case.run().unwrap_err();
    assert_eq!(error.exit(), Exit::Input);
    assert!(bookend::report::render(&error).contains("status.yaml"));
    let object = case.list(&super::support::DATABASE).remove(0);
    assert_eq!(
        object.at(&["status", "kratix", "workflows", "pipelines"]).unwrap()[0]["phase"],
        "Failed"
    );
}
