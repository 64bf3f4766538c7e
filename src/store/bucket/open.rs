//! Opens a bucket by its address and credentials.

use std::sync::Arc;

use object_store::aws::{AmazonS3Builder, AmazonS3ConfigKey as Key};
use object_store::azure::MicrosoftAzureBuilder;
use object_store::client::HttpConnector as _;
use object_store::gcp::GoogleCloudStorageBuilder;
use object_store::{ClientOptions, Error, ObjectStore};
use tokio::sync::Semaphore;

use super::delete::Conditional;
use super::line::{Line, Timeouts};
use super::page::Strays;
use super::{BUDGET_KIB, BucketStore, Probe, trouble};
use crate::store::address::{BucketAddress, Service};
use crate::store::credentials::Credentials;
use crate::store::{StoreError, Trouble};

/// The region of AWS whose endpoint names none.
const REGION: &str = "us-east-1";
/// The endpoint of AWS for all regions. It sends whoever asks for a bucket of another region elsewhere.
const AWS: &str = "s3.amazonaws.com";
/// Settings of the environment that say who asks, in the order of the AWS tools: a key, a web identity (IRSA), a container
/// (ECS, EKS Pod Identity), the node. Where the bucket is, the address alone says.
const WHO: [Key; 13] = [
    Key::AccessKeyId,
    Key::SecretAccessKey,
    Key::Token,
    Key::WebIdentityTokenFile,
    Key::RoleArn,
    Key::RoleSessionName,
    Key::StsEndpoint,
    Key::ContainerCredentialsRelativeUri,
    Key::ContainerCredentialsFullUri,
    Key::ContainerAuthorizationTokenFile,
    Key::ImdsV1Fallback,
    Key::MetadataEndpoint,
    Key::Region,
];

/// What an address does not say.
#[derive(Debug, Clone, Default)]
pub struct BucketOptions {
    /// Certificates (PEM) of authorities that are trusted beside the system's.
    pub authorities: Option<Vec<u8>>,
    /// How long is waited.
    pub timeouts: Timeouts,
}

impl BucketStore {
    /// Opens a bucket. Nothing is asked yet.
    ///
    /// [`Credentials::Ambient`] are looked for where the cloud's own tools do: `AWS_…` with web identity, container and node;
    /// `GOOGLE_…` with the application default credentials and the node; `AZURE_…` with workload and managed identity.
    /// Proxies are those of the environment (`HTTPS_PROXY`, `NO_PROXY`).
    ///
    /// # Errors
    /// When credentials are not of a kind for this service or cannot be read, or a certificate is none.
    pub fn open(
        address: &BucketAddress,
        credentials: &Credentials,
        options: &BucketOptions,
    ) -> Result<Self, StoreError> {
        let name = address.to_string();
        let failed = |trouble| StoreError { doing: "open", store: name.clone(), trouble };
        let strays = Arc::new(Strays::default());
        let authorities = options.authorities.as_deref();
        let plain = address.insecure;
        let line =
            Line::new(authorities, options.timeouts, plain, strays.clone()).map_err(failed)?;
        let (objects, conditional) =
            objects(address, credentials, options.timeouts, line).map_err(failed)?;
        let probe = match address.service {
            Service::S3 | Service::Gcs => Probe::Upload,
            Service::Azure => Probe::Condition,
        };
        Ok(Self {
            objects,
            bucket: address.bucket.clone(),
            root: address.path.clone(),
            probe,
            request: options.timeouts.request,
            strays,
            budget: Semaphore::new(BUDGET_KIB),
            keeps_hashes: true.into(),
            knows_conditions: true.into(),
            conditional,
            deletes_on_condition: true.into(),
            name,
        })
    }
}

fn objects(
    address: &BucketAddress,
    credentials: &Credentials,
    timeouts: Timeouts,
    line: Line,
) -> Result<(Arc<dyn ObjectStore>, Option<Conditional>), Trouble> {
    let client = ClientOptions::new().with_allow_http(address.insecure);
    let retry = timeouts.retry();
    let scheme = if address.insecure { "http" } else { "https" };
    let url = address.endpoint.as_ref().map(|host| format!("{scheme}://{host}"));
    let built: Result<Arc<dyn ObjectStore>, Error> = match (address.service, credentials) {
        (Service::S3, Credentials::Keys { .. } | Credentials::Ambient) => {
            let who = who(credentials);
            let region = address.region.clone().or(who.get_config_value(&Key::Region));
            let place = place(address, region.as_deref().unwrap_or(REGION));
            let http = line.connect(&client);
            let built = who
                .with_bucket_name(&address.bucket)
                .with_region(region.as_deref().unwrap_or(REGION))
                .with_virtual_hosted_style_request(place.virtual_hosted)
                .with_endpoint(format!("{scheme}://{}", place.host))
                .with_client_options(client)
                .with_retry(retry)
                .with_http_connector(line)
                .build();
            let opened = built.and_then(|objects| {
                let objects = Arc::new(objects);
                let conditional = Conditional { signer: objects.clone(), client: http? };
                Ok((objects as Arc<dyn ObjectStore>, Some(conditional)))
            });
            return opened.map_err(|error| trouble::of_settings(&error));
        }
        (Service::Gcs, Credentials::Ambient) => {
            let builder = GoogleCloudStorageBuilder::from_env().with_bucket_name(&address.bucket);
            let builder = match &url {
                Some(url) => builder.with_base_url(url),
                None => builder,
            };
            let builder = builder.with_client_options(client).with_retry(retry);
            builder.with_http_connector(line).build().map(|objects| Arc::new(objects) as _)
        }
        (Service::Azure, Credentials::Ambient) => {
            let builder = MicrosoftAzureBuilder::from_env().with_container_name(&address.bucket);
            let builder = match &address.account {
                Some(account) => builder.with_account(account),
                None => builder,
            };
            let builder = match url {
                Some(url) => builder.with_endpoint(url),
                None => builder,
            };
            let builder = builder.with_allow_http(address.insecure);
            let builder = builder.with_client_options(client).with_retry(retry);
            builder.with_http_connector(line).build().map(|objects| Arc::new(objects) as _)
        }
        (service, credentials) => {
            let (kind, scheme) = (credentials.kind(), service.scheme());
            return Err(Trouble::Credentials(format!("{kind}, which is not for `{scheme}:`")));
        }
    };
    let objects = built.map_err(|error| trouble::of_settings(&error))?;
    Ok((objects, None))
}

/// Returns a builder that knows who asks.
fn who(credentials: &Credentials) -> AmazonS3Builder {
    let builder = AmazonS3Builder::new();
    match credentials {
        Credentials::Keys { access_key_id, secret_access_key, session_token } => {
            let builder = builder
                .with_access_key_id(access_key_id)
                .with_secret_access_key(secret_access_key.expose());
            match session_token {
                Some(token) => builder.with_token(token.expose()),
                None => builder,
            }
        }
        _ => {
            let surroundings = AmazonS3Builder::from_env();
            WHO.into_iter().fold(builder, |builder, key| {
                match surroundings.get_config_value(&key) {
                    Some(value) => builder.with_config(key, value),
                    None => builder,
                }
            })
        }
    }
}

/// Where requests for a bucket of S3 go.
#[derive(Debug, PartialEq, Eq)]
struct Place {
    host: String,
    virtual_hosted: bool,
}

fn place(address: &BucketAddress, region: &str) -> Place {
    let bucket = &address.bucket;
    let regional = match address.dual_stack {
        true => format!("s3.dualstack.{region}.amazonaws.com"),
        false => format!("s3.{region}.amazonaws.com"),
    };
    let (host, aws) = match address.endpoint.as_deref() {
        None | Some(AWS) => (regional, true),
        // Told by its region: it can speak IPv6 as well.
        Some(host) if host == format!("s3.{region}.amazonaws.com") => (regional, true),
        Some(host) => (host.to_owned(), false),
    };
    // No certificate is for `a.b.s3.amazonaws.com`.
    let path_style = address.path_style.unwrap_or(!aws) || bucket.contains('.');
    match path_style {
        true => Place { host, virtual_hosted: false },
        false => Place { host: format!("{bucket}.{host}"), virtual_hosted: true },
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::address::Address;
    use crate::store::credentials::Secret;

    fn bucket(text: &str) -> BucketAddress {
        match text.parse() {
            Ok(Address::Bucket(bucket)) => bucket,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn requests_go_where_the_address_says() {
        for (address, host, virtual_hosted) in [
            ("s3://b/p", "b.s3.eu-west-1.amazonaws.com", true),
            ("s3://b?endpoint=s3.amazonaws.com", "b.s3.eu-west-1.amazonaws.com", true),
            ("s3://b?dual-stack=true", "b.s3.dualstack.eu-west-1.amazonaws.com", true),
            (
                "s3://b?endpoint=s3.eu-west-1.amazonaws.com&dual-stack=true",
                "b.s3.dualstack.eu-west-1.amazonaws.com",
                true,
            ),
            ("s3://b?path-style=true", "s3.eu-west-1.amazonaws.com", false),
            ("s3://b.c", "s3.eu-west-1.amazonaws.com", false),
            ("s3://b?endpoint=minio:9000", "minio:9000", false),
            ("s3://b?endpoint=minio:9000&dual-stack=true", "minio:9000", false),
            ("s3://b?endpoint=minio:9000&path-style=false", "b.minio:9000", true),
        ] {
            let place = place(&bucket(address), "eu-west-1");
            assert_eq!(place, Place { host: host.to_owned(), virtual_hosted }, "{address}");
        }
    }

    #[tokio::test]
    async fn credentials_of_another_kind_are_refused_and_none_is_shown() {
        let keys = Credentials::Keys {
            access_key_id: "AKIDEXAMPLE".to_owned(),
            secret_access_key: Secret::new("hunter2"),
            session_token: Some(Secret::new("hunter3")),
        };
        let basic =
            Credentials::Basic { username: String::new(), password: Secret::new("hunter2") };
        for (address, credentials, fits) in [
            ("s3://b", &keys, true),
            ("gs://b", &keys, false),
            ("az://b?account=a", &keys, false),
            ("s3://b", &basic, false),
        ] {
            let opened =
                BucketStore::open(&bucket(address), credentials, &BucketOptions::default());
            assert_eq!(opened.is_ok(), fits, "{address}");
            match opened {
                Ok(store) => assert!(!format!("{store:?}").contains("hunter"), "{store:?}"),
                Err(error) => assert!(matches!(error.trouble, Trouble::Credentials(_))),
            }
        }
    }

    #[tokio::test]
    async fn a_certificate_that_is_none_is_told() {
        let options =
            BucketOptions { authorities: Some(b"none".to_vec()), ..BucketOptions::default() };
        let error =
            BucketStore::open(&bucket("s3://b"), &Credentials::Ambient, &options).unwrap_err();
        assert!(matches!(error.trouble, Trouble::Untrusted(_)));
    }
}
