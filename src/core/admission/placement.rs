//! Rules for Destinations and state stores, in CEL (contract.md 5.3-5.5, 15.3).
//!
//! What needs a look at other objects is not here: a state store that is not there, a path that another Destination has.

use super::rules::{Rule, one};

/// Longest path of a setting, in characters; with what is put below it, it stays under what stores allow.
const PATH_CHARS_MAX: usize = 256;

pub(super) fn of_destinations() -> Vec<Rule> {
    let filename = "(has(variables.spec.filepath) && has(variables.spec.filepath.filename) ? \
                    variables.spec.filepath.filename : '')";
    vec![
        one(
            "path",
            "a Destination has a path in its state store",
            &[
                (
                    "!has(variables.spec.path) || variables.spec.path == ''".into(),
                    "'spec.path: give it a path of its own in the state store, or `.` for all of it'",
                ),
                (leaves("variables.spec.path"), LEAVES),
            ],
        ),
        one(
            "store",
            "a Destination names its state store",
            &[
                (
                    "!has(variables.spec.stateStoreRef)".into(),
                    "'spec.stateStoreRef: name the state store that its files go to'",
                ),
                (
                    "variables.spec.stateStoreRef.name == ''".into(),
                    "'spec.stateStoreRef.name: name the state store that its files go to'",
                ),
            ],
        ),
        one(
            "filename",
            "the file of a Destination stays below its path",
            &[(
                format!(
                    "{filename} != '' && (size({filename}) > {PATH_CHARS_MAX} || \
                     {filename}.split('/').exists(p, p in ['', '.', '..'] || p.lowerAscii() == '.git'))"
                ),
                "'spec.filepath.filename: give a path without `.`, `..`, `//` and `.git`, of at most 256 characters'",
            )],
        ),
    ]
}

pub(super) fn of_git_state_stores() -> Vec<Rule> {
    let url = "(has(variables.spec.url) ? variables.spec.url : '')";
    let is_ssh = "has(variables.spec.authMethod) && variables.spec.authMethod == 'ssh'";
    vec![
        one(
            "url",
            "the address of a repository fits the way to get in",
            &[
                (format!("{url} == ''"), "'spec.url: give the address of the repository'"),
                (
                    format!("{url}.lowerAscii().startsWith('http://')"),
                    "'spec.url: `http://` shows the credentials to everybody on the way; use `https://`'",
                ),
                (
                    format!("{url}.matches('^([a-z+]+://)?[^/@ ]+:[^/@ ]*@')"),
                    "'spec.url: a password is no part of it; put it into the Secret'",
                ),
                (
                    format!("{is_ssh} && !{url}.matches('^(ssh://)?[^@/ ]+@[^@/ ]+')"),
                    "'spec.url: for `authMethod: ssh` it is `ssh://USER@HOST/REPOSITORY` or `USER@HOST:REPOSITORY`'",
                ),
                (
                    format!("!({is_ssh}) && !{url}.matches('^https://[^/ ]+')"),
                    "'spec.url: for this `authMethod` it is `https://HOST/REPOSITORY`'",
                ),
            ],
        ),
        one(
            "secret",
            "a state store names its credentials",
            &[(
                "!has(variables.spec.secretRef) || !has(variables.spec.secretRef.name) || variables.spec.secretRef.name == ''".into(),
                "'spec.secretRef.name: name the Secret with the credentials'",
            )],
        ),
        path_of_store(),
    ]
}

pub(super) fn of_bucket_state_stores() -> Vec<Rule> {
    let has = |field: &str| {
        format!("(has(variables.spec.secretRef.{field}) && variables.spec.secretRef.{field} != '')")
    };
    let has_key =
        format!("has(variables.spec.secretRef) && {} && {}", has("name"), has("namespace"));
    vec![
        one(
            "bucket",
            "a state store names its bucket",
            &[("variables.spec.bucketName == ''".into(), "'spec.bucketName: name the bucket'")],
        ),
        one(
            "endpoint",
            "an endpoint is a host",
            &[
                (
                    "variables.spec.endpoint == ''".into(),
                    "'spec.endpoint: give the host of the service'",
                ),
                (
                    "variables.spec.endpoint.contains('://')".into(),
                    "'spec.endpoint: leave the scheme out; `insecure: true` is for plain HTTP'",
                ),
                (
                    "!variables.spec.endpoint.matches('^[^/?#@ ]+$')".into(),
                    "'spec.endpoint: this is no `HOST` or `HOST:PORT`'",
                ),
            ],
        ),
        one(
            "secret",
            "a state store names its credentials",
            &[(
                format!(
                    "!(has(variables.spec.authMethod) && variables.spec.authMethod == 'IAM') && !({has_key})"
                ),
                "'spec.secretRef: `authMethod: accessKey` needs `name` and `namespace` of the Secret with the key'",
            )],
        ),
        path_of_store(),
    ]
}

const LEAVES: &str = "'spec.path: give a path without `..` and `.git`, of at most 256 characters'";

/// CEL: whether a path leads out of its store, or where nobody may write.
fn leaves(path: &str) -> String {
    format!(
        "size({path}) > {PATH_CHARS_MAX} || \
         {path}.split('/').exists(p, p == '..' || p.lowerAscii() == '.git')"
    )
}

fn path_of_store() -> Rule {
    let path = "variables.spec.path";
    let breaks = format!("has({path}) && ({})", leaves(path));
    one("path", "the path of a state store stays in it", &[(breaks, LEAVES)])
}
