//! The writer that writes into state stores itself, in its image: without rights, on a root file system that nobody may write.

use std::fs;
use std::path::Path;

use crate::confined::CONFINED;
use crate::pod::Pod;
use crate::remotes::certificates::Authority;
use crate::remotes::https::Server;
use crate::remotes::repository::Repository;

const FILE: &str = "resources/team-a/database/orders/instance/5058f/service.yaml";
/// The image's own user, and one as OpenShift takes it from a namespace's range.
const USERS: [&str; 2] = ["65532:65532", "1000730000:0"];

/// The content of the one file that the pod has written.
fn written(repository: &Repository) -> String {
    repository.git(&["show", &format!("main:clusters/dev/{FILE}")])
}

fn is_empty(folder: &Path) -> bool {
    fs::read_dir(folder).unwrap().next().is_none()
}

#[test]
#[ignore = "needs the images and podman: tests/images/run"]
fn a_folder_and_a_repository_on_a_volume_are_written_with_no_other_place_to_write() {
    for user in USERS {
        let pod = Pod::new();
        fs::create_dir(pod.path("stores")).unwrap();
        let repository = Repository::empty(pod.path("stores/fleet.git"));
        pod.allow(0o777);
        // Volumes of pods belong to somebody else, too.
        for to in ["dir:/stores/out/clusters/dev", "git+file:///stores/fleet.git#main:clusters/dev"]
        {
            let container = pod.container("writer").flags(&CONFINED).flags(&["--user", user]);
            let container = container.mount(&pod.path("stores"), "/stores");
            let ended = container.env("BOOKEND_TO", to).run().expect(0);
            assert!(ended.errors.contains("wrote the output"), "{}", ended.errors);
        }
        let expect = "kind: Service\nport: 5432";
        let file = fs::read_to_string(pod.path("stores/out/clusters/dev").join(FILE)).unwrap();
        assert_eq!((file.trim_end(), &*written(&repository)), (expect, expect));
        repository.is_sound();
    }
}

#[test]
#[ignore = "needs the images and podman: tests/images/run"]
fn a_remote_repository_is_fetched_into_the_metadata_folder_and_leaves_nothing_there() {
    let authority = Authority::new();
    for user in USERS {
        let pod = Pod::new();
        for folder in ["remote", "certificates"] {
            fs::create_dir(pod.path(folder)).unwrap();
        }
        let repository = Repository::with_commit(pod.path("remote/fleet.git"));
        repository.git(&["config", "http.receivepack", "true"]);
        let server = Server::start(&pod.path("remote"), &authority.certify("localhost", false));
        server.let_in("Bearer not-a-secret");
        fs::write(pod.path("certificates/ca.pem"), authority.pem()).unwrap();
        pod.allow(0o777);
        fs::remove_file(pod.path("metadata/status.yaml")).unwrap();
        let ended = pod
            .container("writer")
            .flags(&CONFINED)
            .flags(&["--user", user])
            .network_of_host()
            .mount_read_only(&pod.path("certificates"), "/certificates")
            .env("SSL_CERT_FILE", "/certificates/ca.pem")
            .env("BOOKEND_GIT_TOKEN", "not-a-secret")
            .env("BOOKEND_TO", &format!("git+{}#main:clusters/dev", server.url("fleet.git")))
            .run()
            .expect(0);
        assert!(!ended.errors.contains("not-a-secret"), "{}", ended.errors);
        assert_eq!(written(&repository), "kind: Service\nport: 5432");
        assert!(is_empty(&pod.path("metadata")), "the scratch folder is gone");
        repository.is_sound();
    }
}
