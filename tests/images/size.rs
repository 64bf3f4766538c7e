//! The budget of `images/README.md` is kept, and the bill of materials is that of the binary.

use std::fs;

use serde_json::Value;

use crate::STEPS;
use crate::archive::{PROCESSORS, folder, read};

/// The line of the budget: `**Budget:** 14,000,000 bytes ...`.
fn budget() -> u64 {
    let readme = concat!(env!("CARGO_MANIFEST_DIR"), "/images/README.md");
    let text = fs::read_to_string(readme).unwrap();
    let line = text.lines().find_map(|line| line.strip_prefix("**Budget:** "));
    let number = line.and_then(|line| line.split(' ').next()).expect("images/README.md has it");
    number.replace(',', "").parse().unwrap()
}

#[test]
#[ignore = "needs the images: tests/images/run"]
fn binary_and_image_keep_to_the_budget() {
    let budget = budget();
    assert!((1_000_000..=14_000_000).contains(&budget), "{budget}");
    for processor in PROCESSORS {
        for step in STEPS {
            let image = read(processor, step);
            let binary =
                image.entries.iter().find(|entry| entry.path == "bin/pipeline-adapter").unwrap();
            assert!(binary.bytes > 1_000_000, "{step} for {processor}: {} bytes", binary.bytes);
            assert!(binary.bytes <= budget, "{step} for {processor}: {} bytes", binary.bytes);
            assert!(image.bytes <= budget, "{step} for {processor}: {} bytes", image.bytes);
        }
    }
}

#[test]
#[ignore = "needs the images: tests/images/run"]
fn the_bill_of_materials_names_what_is_linked_as_it_is_locked() {
    let lock = fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/Cargo.lock")).unwrap();
    for processor in PROCESSORS {
        let text = fs::read_to_string(folder(processor).join("bookend.cdx.json")).unwrap();
        let bill: Value = serde_json::from_str(&text).unwrap();
        assert_eq!(bill["bomFormat"], "CycloneDX");
        let components = bill["components"].as_array().unwrap();
        for component in components {
            let name = component["name"].as_str().unwrap();
            let version = component["version"].as_str().unwrap();
            let locked = format!("name = \"{name}\"\nversion = \"{version}\"\n");
            assert!(lock.contains(&locked), "{processor}: {name} {version} is not in Cargo.lock");
        }
        for needed in ["kube", "rustls", "ring", "zlib-rs"] {
            let found = components.iter().any(|component| component["name"] == needed);
            assert!(found, "{processor}: {needed} is missing");
        }
        // Tools of the tests are no part of it.
        assert!(!components.iter().any(|component| component["name"] == "tempfile"), "{processor}");
    }
}
