//! Events: what people are told of an object (contract.md 15.1).

use jiff::Timestamp;
use serde_json::json;
use tracing::warn;

use crate::cluster::{Cluster, ClusterError};
use crate::contract::{Object, kinds, labels};
use crate::core::hash;
use crate::core::workflow::Event;
use crate::exit::chain;

/// Longest text of an event, in bytes: the API server takes no more.
const NOTE_BYTES_MAX: usize = 1024;
/// Longest name of who reports it, in bytes: the same.
const INSTANCE_BYTES_MAX: usize = 128;
/// What is kept of an object's name in that of an event, in bytes.
const NAME_BYTES_MAX: usize = 200;

/// Tells people of an object; `instance` is who we are. An event is a courtesy: nothing stops because it cannot be
/// told.
pub async fn tell(
    cluster: &impl Cluster,
    about: &Object,
    event: &Event,
    instance: &str,
    now: Timestamp,
) {
    match cluster.create(&kinds::EVENT, &to_object(about, event, instance, now)).await {
        Ok(_) | Err(ClusterError::Exists { .. }) => {}
        Err(error) => warn!(reason = event.reason, error = chain(&error), "event not told"),
    }
}

/// The event as an object. Its name is made of what it says and when, so that it is told once.
fn to_object(about: &Object, event: &Event, instance: &str, now: Timestamp) -> Object {
    let identity =
        [about.uid().unwrap_or_default(), event.reason, &event.message, &now.to_string()];
    let name = cut(about.name(), NAME_BYTES_MAX);
    // No part of a name ends like this.
    let name = name.trim_end_matches(['-', '.']);
    let name = format!("{name}.{}", &hash::md5_hex(&identity.join("\n"))[..16]);
    // What has no namespace is told of in this one: the API server wants it so.
    let namespace = about.namespace().unwrap_or("default");
    let mut object = Object::new(&kinds::EVENT, Some(namespace), &name);
    let mut regarding = json!({
        "apiVersion": about.api_version(),
        "kind": about.kind(),
        "name": about.name(),
    });
    for (key, value) in [("namespace", about.namespace()), ("uid", about.uid())] {
        if let Some(value) = value {
            regarding[key] = value.into();
        }
    }
    for (key, value) in [
        ("eventTime", json!(format!("{now:.6}"))),
        ("reportingController", labels::FIELD_MANAGER.into()),
        ("reportingInstance", cut(instance, INSTANCE_BYTES_MAX).into()),
        ("action", event.reason.into()),
        ("reason", event.reason.into()),
        ("note", cut(&event.message, NOTE_BYTES_MAX).into()),
        ("type", if event.is_warning { "Warning" } else { "Normal" }.into()),
        ("regarding", regarding),
    ] {
        object.0.insert(key.into(), value);
    }
    object
}

/// Cuts text to so many bytes, between characters.
fn cut(text: &str, bytes: usize) -> &str {
    &text[..text.floor_char_boundary(bytes)]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_event_fits_what_the_api_server_takes() {
        let mut about =
            Object::new(&kinds::PROMISE, None, &format!("{}-{}", "a".repeat(199), "b".repeat(50)));
        about.set_metadata("uid", "u");
        let now = Timestamp::from_second(7).unwrap();
        let long = "\u{e4}".repeat(2000);
        let event = to_object(&about, &Event::warning("Why", long.as_str()), &long, now);
        let (name, digits) = event.name().split_once('.').unwrap();
        assert_eq!((name, digits.len()), ("a".repeat(199).as_str(), 16));
        assert_eq!(event.namespace(), Some("default"));
        assert_eq!(event.at(&["eventTime"]), Some(&json!("1970-01-01T00:00:07.000000Z")));
        assert_eq!(event.text_at(&["note"]).map(str::len), Some(NOTE_BYTES_MAX));
        assert_eq!(event.text_at(&["reportingInstance"]).map(str::len), Some(INSTANCE_BYTES_MAX));
        assert_eq!(event.at(&["regarding", "uid"]), Some(&json!("u")));
        assert_eq!(
            to_object(&about, &Event::warning("Why", long.as_str()), "x", now).name(),
            event.name()
        );
    }
}
