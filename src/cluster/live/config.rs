//! Finds the API server and who we are there.
//!
//! The order is that of the original's writer and of kubectl: `KUBECONFIG` when somebody has set it, the pod's
//! service account, `$HOME/.kube/config` (contract.md 1.4). Kratix sets no `KUBECONFIG`, so in its pods the service
//! account comes first. A `KUBECONFIG` that is set and wrong ends the search: work for one cluster must not end up
//! in another. (kube's own order takes `$HOME/.kube/config` before the service account.)

use kube::Config;
use kube::client::AuthError;
use kube::config::{KubeConfigOptions, Kubeconfig, KubeconfigError};

use crate::cluster::ClusterError;
pub(super) use crate::exit::chain;

/// Returns the first configuration that is there.
pub(super) async fn find() -> Result<Config, ClusterError> {
    match Kubeconfig::from_env() {
        Ok(Some(kubeconfig)) => {
            return load(kubeconfig).await.map_err(|why| not_configured(&[("`KUBECONFIG`", why)]));
        }
        Ok(None) => {}
        Err(error) => return Err(not_configured(&[("`KUBECONFIG`", of_kubeconfig(&error))])),
    }
    let in_pod = match Config::incluster() {
        Ok(config) => return Ok(config),
        Err(error) => chain(&error),
    };
    let at_home = match Kubeconfig::read() {
        Ok(kubeconfig) => match load(kubeconfig).await {
            Ok(config) => return Ok(config),
            Err(why) => why,
        },
        Err(error) => of_kubeconfig(&error),
    };
    Err(not_configured(&[
        ("`KUBECONFIG`", "not set".to_owned()),
        ("service account of a pod", in_pod),
        ("`$HOME/.kube/config`", at_home),
    ]))
}

async fn load(kubeconfig: Kubeconfig) -> Result<Config, String> {
    Config::from_custom_kubeconfig(kubeconfig, &KubeConfigOptions::default())
        .await
        .map_err(|error| of_kubeconfig(&error))
}

/// Returns the error for attempts that all failed.
pub(super) fn not_configured(attempts: &[(&str, String)]) -> ClusterError {
    let attempts: Vec<String> =
        attempts.iter().map(|(place, why)| format!("{place}: {why}")).collect();
    ClusterError::NotConfigured { attempts: attempts.join("; ") }
}

/// Says what is wrong with a kubeconfig. The parser would quote its lines, which hold tokens.
fn of_kubeconfig(error: &KubeconfigError) -> String {
    match error {
        KubeconfigError::Parse(cause) => match cause.location() {
            Some(place) => format!("no valid kubeconfig, at line {}", place.line()),
            None => "no valid kubeconfig".to_owned(),
        },
        other => chain(other),
    }
}

/// Returns the failed login in an error: kube gives it as it is when a client is made, and in a box when a login is
/// renewed for a request.
pub(super) fn failed_login(error: &kube::Error) -> Option<&AuthError> {
    match error {
        kube::Error::Auth(login) => Some(login),
        kube::Error::Service(cause) => cause.downcast_ref(),
        _ => None,
    }
}

/// Says why a request could not be made. What a login command prints, and its own arguments and variables, can hold
/// tokens and are left out.
pub(super) fn of_client(error: &kube::Error) -> String {
    match failed_login(error) {
        Some(AuthError::AuthExecRun { out, .. }) => {
            format!("the login command of the kubeconfig failed with {}", out.status)
        }
        Some(AuthError::AuthExecParse(_)) => {
            "the login command of the kubeconfig printed no ExecCredential".to_owned()
        }
        _ => chain(error),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_broken_kubeconfig_is_not_quoted() {
        let error = Kubeconfig::from_yaml("users: [{name: a, user: {token: hunter2}}\nclusters: {")
            .unwrap_err();
        let text = of_kubeconfig(&error);
        assert!(text.starts_with("no valid kubeconfig, at line "), "{text}");
    }

    #[tokio::test]
    async fn a_kubeconfig_without_a_context_says_so() {
        let why = load(Kubeconfig::default()).await.unwrap_err();
        assert_eq!(why, "failed to determine current context");
    }
}
