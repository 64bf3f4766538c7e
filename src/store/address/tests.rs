//! Addresses that can be used, and those that cannot, with what is said about them.

use serde_json::json;

use super::*;
use crate::contract::Object;

fn parse(text: &str) -> Result<Address, AddressError> {
    text.parse()
}

#[test]
fn addresses_are_read_and_shown() {
    for (text, shown) in [
        ("dir:out", "dir:out"),
        ("dir:/a b/%20", "dir:/a b/%20"),
        ("git+https://host/org/repo.git", "git+https://host/org/repo.git#main"),
        (
            "git+https://host:8443/repo#live:clusters/a",
            "git+https://host:8443/repo#live:clusters/a",
        ),
        ("git+https://HOST:443/repo#:/a//b/", "git+https://host/repo#main:a/b"),
        ("git+https://host/repo#feature/x:", "git+https://host/repo#feature/x"),
        ("git+https://host/repo#a%23b:c%20d", "git+https://host/repo#a#b:c d"),
        ("git+ssh://host/repo", "git+ssh://git@host/repo#main"),
        ("git+ssh://me@host:2222/repo#b:p", "git+ssh://me@host:2222/repo#b:p"),
        ("git+file:///a/b.git", "git+file:///a/b.git#main"),
        ("git+file:///a%20b.git/#b:p", "git+file:///a b.git#b:p"),
        ("s3://bucket", "s3://bucket"),
        ("s3://bucket/a/b/", "s3://bucket/a/b"),
        (
            "s3://Bucket_1/a%20b?endpoint=localhost:9000&insecure=true",
            "s3://Bucket_1/a b at localhost:9000",
        ),
        ("s3://b?endpoint=https://minio.example:443/", "s3://b at minio.example"),
        ("gs://bucket/p", "gs://bucket/p"),
        ("az://container/p?account=mine", "az://container/p of mine"),
    ] {
        assert_eq!(parse(text).unwrap().to_string(), shown, "{text}");
    }
}

#[test]
fn settings_of_a_bucket_are_read() {
    let text =
        "s3://b/p?endpoint=h:9000&region=eu-west-1&path-style=false&insecure&dual-stack=true";
    let Address::Bucket(address) = parse(text).unwrap() else { panic!("a bucket") };
    let expect = BucketAddress {
        service: Service::S3,
        bucket: "b".into(),
        path: StorePath::exact("p").unwrap(),
        endpoint: Some("h:9000".into()),
        region: Some("eu-west-1".into()),
        path_style: Some(false),
        insecure: true,
        dual_stack: true,
        account: None,
    };
    assert_eq!(address, expect);
}

#[test]
fn what_is_wrong_is_said_with_a_way_out() {
    for (text, fault, hint) in [
        ("out", "has no scheme", "dir:PATH"),
        ("dir:", "names no folder", "dir:PATH"),
        ("ftp://host/x", "begins with no scheme that is known", "git+https://"),
        ("https://host/repo", "begins with `https:`", "begin it with `git+https:`"),
        ("git://host/repo", "begins with `git:`", "begin it with `git+ssh:`"),
        ("git+http://host/repo", "begins with `http:`", "use `https`"),
        ("http://host/repo", "begins with `http:`", "use `https`"),
        ("git+https:///repo", "", "git+https://"),
        ("git+https://host", "names no repository", "git+https://"),
        ("git+https://host:99999/r", "is no URL: invalid port number", "git+https://"),
        ("git+https://host/r?x=1", "has a `?` in it", "git+https://"),
        ("git+https://host/r#a..b", "has `a..b` for a branch", "#main:clusters/a"),
        ("git+https://host/r#-x", "has `-x` for a branch", "#main:clusters/a"),
        ("git+https://host/r#a b", "has `a b` for a branch", "#main:clusters/a"),
        ("git+https://host/r#b:../x", "leaves the folder", "below the root"),
        ("git+https://host/r#b:.git/x", "belongs to Git", "below the root"),
        ("git+https://host/r#b:%2e%2e/x", "leaves the folder", "below the root"),
        ("git+https://host/r#b:%ff", "no UTF-8", "git+https://"),
        ("git+file:repo.git", "does not begin with `/`", "three `/`"),
        ("git+file://host/repo.git", "does not begin with `/`", "three `/`"),
        ("git+file:///", "names no repository", "git+file:///"),
        ("s3:///path", "", "s3://"),
        ("s3://bucket:9000/p", "has a port", "?endpoint=HOST:PORT"),
        ("s3://b/p?endpint=x", "has `endpint` after the `?`", "endpoint, region"),
        ("s3://b/p?insecure=yes", "has `yes` for `insecure`", "insecure=true"),
        ("s3://b/p?endpoint=http://h", "everybody on the way", "insecure=true"),
        ("s3://b/p?endpoint=h/b", "more than a host and a port", "HOST:PORT"),
        ("s3://b/p?region=a%20b", "has `a b` for a region", "s3://"),
        ("s3://b/a/%2e%2e/%2e%2e/x%5c", "has a backslash", "below the root"),
        ("s3://b%20c/", "has `b%20c` for a bucket", "letters, digits"),
        ("s3://b#x", "has a `#` in it", "s3://"),
    ] {
        let error = parse(text).unwrap_err();
        assert!(error.to_string().contains(fault), "{text}: {error}");
        assert!(error.hint().unwrap().contains(hint), "{text}: {:?}", error.hint());
        assert_eq!(error.exit(), Exit::Usage);
    }
}

#[test]
fn credentials_in_an_address_are_refused_and_not_shown() {
    for text in [
        "git+https://me:hunter2@host/repo",
        "git+https://hunter2@host/repo",
        "git+ssh://git:hunter2@host/repo",
        "s3://hunter2@bucket/p",
        "s3://key:hunter2@bucket/p",
        "s3://b/p?secret=hunter2",
        "s3://b/p?endpoint=key:hunter2@host",
        "hunter2:x@host",
        "https://me:hunter2@host/repo",
        "git+https://me:hunter2@host:port/repo",
    ] {
        let error = parse(text).unwrap_err();
        let all = format!("{error} {error:?} {:?}", error.hint());
        assert!(!all.contains("hunter2"), "{all}");
    }
}

fn git(spec: serde_json::Value) -> Result<Address, AddressError> {
    let store = json!({"kind": "GitStateStore", "metadata": {"name": "s"}, "spec": spec});
    Address::of_git_state_store(&Object::from_value(store).unwrap())
}

#[test]
fn git_state_stores_are_read_as_the_contract_says() {
    for (spec, shown) in [
        (json!({"url": "https://h/r.git"}), "git+https://h/r.git#main"),
        (json!({"url": " https://h/r\n", "branch": "", "path": "/a/"}), "git+https://h/r#main:a"),
        (
            json!({"url": "https://org@h/r", "authMethod": "githubApp", "branch": "x"}),
            "git+https://h/r#x",
        ),
        (
            json!({"url": "git@h:org/r.git", "authMethod": "ssh", "path": "."}),
            "git@h:org/r.git#main",
        ),
        (json!({"url": "ssh://git@h:22/r", "authMethod": "ssh"}), "git+ssh://git@h:22/r#main"),
    ] {
        assert_eq!(git(spec.clone()).unwrap().to_string(), shown, "{spec}");
    }
    for (spec, fault) in [
        (json!({}), "`spec.url` is missing"),
        (json!({"url": "http://h/r"}), "begins with `http:`"),
        (json!({"url": "https://h/r", "authMethod": "ssh"}), "is not one for `authMethod: ssh`"),
        (json!({"url": "ssh://git@h/r"}), "is not one for `authMethod: basicAuth`"),
        (json!({"url": "git@h:r"}), "is not one for `authMethod: basicAuth`"),
        (json!({"url": "h:r", "authMethod": "ssh"}), "is none for ssh"),
        (json!({"url": "git@-oProxyCommand=x:r", "authMethod": "ssh"}), "is none for ssh"),
        (json!({"url": "https://h/r", "authMethod": "magic"}), "`magic`"),
        (json!({"url": "https://h/r", "path": "../x"}), "leaves the folder"),
        (json!({"url": "https://h/r", "branch": "a:b"}), "for a branch"),
        (json!({"url": "https://me:hunter2@h/r"}), "has credentials in it"),
        (json!({"url": "git:hunter2@h:r", "authMethod": "ssh"}), "has credentials in it"),
    ] {
        let error = git(spec.clone()).unwrap_err();
        assert!(error.to_string().contains(fault), "{spec}: {error}");
        assert!(!format!("{error:?}").contains("hunter2"));
    }
}

fn bucket(spec: serde_json::Value) -> Result<BucketAddress, AddressError> {
    let store = json!({"kind": "BucketStateStore", "metadata": {"name": "s"}, "spec": spec});
    match Address::of_bucket_state_store(&Object::from_value(store).unwrap())? {
        Address::Bucket(bucket) => Ok(bucket),
        other => panic!("{other}"),
    }
}

#[test]
fn bucket_state_stores_are_read_as_the_contract_says() {
    let minio = bucket(json!({
        "bucketName": "b", "endpoint": "minio.ns.svc:9000", "insecure": true, "path": "/a",
    }));
    let minio = minio.unwrap();
    assert_eq!(minio.to_string(), "s3://b/a at minio.ns.svc:9000");
    assert!(minio.insecure && minio.path_style == Some(true) && minio.region.is_none());
    for (host, region) in [
        ("s3.amazonaws.com", None),
        ("s3.eu-west-1.amazonaws.com", Some("eu-west-1")),
        ("s3-us-west-2.amazonaws.com", Some("us-west-2")),
        ("s3.dualstack.us-east-2.amazonaws.com", Some("us-east-2")),
        ("s3.cn-north-1.amazonaws.com.cn", Some("cn-north-1")),
    ] {
        let aws =
            bucket(json!({"bucketName": "b", "endpoint": host, "useDualStack": true})).unwrap();
        assert_eq!(aws.region.as_deref(), region, "{host}");
        assert!(aws.dual_stack && !aws.insecure && aws.path_style == Some(false));
    }
    for (spec, fault) in [
        (json!({"bucketName": "b"}), "`spec.endpoint` is missing"),
        (json!({"endpoint": "h"}), "`spec.bucketName` is missing"),
        (json!({"bucketName": "a/b", "endpoint": "h"}), "has `a/b` for a bucket"),
        (json!({"bucketName": "b", "endpoint": "http://h"}), "everybody on the way"),
        (json!({"bucketName": "b", "endpoint": "h", "path": "a/../../b"}), "leaves the folder"),
    ] {
        let error = bucket(spec.clone()).unwrap_err();
        assert!(error.to_string().contains(fault), "{spec}: {error}");
    }
}

#[test]
fn writers_of_one_branch_take_turns_whatever_the_folder() {
    let contended = |text: &str| text.parse::<Address>().unwrap().contended();
    assert_eq!(contended("git+https://h/r#main:a"), contended("git+https://h/r#main:b/c"));
    assert_ne!(contended("git+https://h/r#main:a"), contended("git+https://h/r#dev:a"));
    assert_ne!(contended("s3://b/a"), contended("s3://b/c"), "nobody loses a race in a bucket");
}
