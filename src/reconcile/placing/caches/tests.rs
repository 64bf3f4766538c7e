//! What is news.

use serde_json::json;

use super::*;

#[test]
fn a_state_store_is_looked_at_when_its_spec_or_itself_is_another() {
    let mut caches = Caches::default();
    let fed = Fed::Stores { is_bucket: false };
    let item = Item::Store(StoreRef { is_bucket: false, name: "fleet".into() });
    for (uid, version, generation, is_news) in [
        ("a", "1", 1, true),
        // Its status has changed.
        ("a", "2", 1, false),
        ("a", "3", 2, true),
        // It was deleted and made anew, and the watch has seen only that.
        ("b", "4", 2, true),
        ("b", "5", 2, false),
    ] {
        let mut store = Object::new(&kinds::GIT_STATE_STORE, None, "fleet");
        store.0.insert(
            "metadata".into(),
            json!({"name": "fleet", "uid": uid, "resourceVersion": version, "generation": generation}),
        );
        let wakes = caches.put(Source::Watch, fed, &store);
        assert_eq!(wakes.contains(&Wake::One(item.clone())), is_news, "{uid} {version}");
    }
}

#[test]
fn a_work_that_comes_waits_for_those_that_have_begun() {
    let mut caches = Caches::default();
    let item = Item::Work(("team".into(), "w".into()));
    for (version, expected) in [
        ("1", vec![Wake::New(item.clone())]),
        // The watch tells of it a second time.
        ("1", Vec::new()),
        ("2", vec![Wake::One(item)]),
    ] {
        let mut work = Object::new(&kinds::WORK, Some("team"), "w");
        work.set_metadata("uid", "u");
        work.set_metadata("resourceVersion", version);
        assert_eq!(caches.put(Source::Watch, Fed::Works, &work), expected, "{version}");
    }
}
