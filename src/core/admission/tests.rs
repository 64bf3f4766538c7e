//! The shape of the policy; what it refuses is tried on a real API server (`tests/cluster/bad_input.rs`).

use std::collections::BTreeSet;

use super::*;

#[test]
fn every_rule_has_a_variable_and_a_validation() {
    let all = policies();
    let spec = all[0].spec().unwrap();
    let names: Vec<_> = spec["variables"]
        .as_array()
        .unwrap()
        .iter()
        .map(|one| one["name"].as_str().unwrap())
        .collect();
    assert_eq!(names.iter().collect::<BTreeSet<_>>().len(), names.len(), "no name twice");
    let validations = spec["validations"].as_array().unwrap();
    assert_eq!(validations.len(), rules::all().len());
    for validation in validations {
        let expression = validation["expression"].as_str().unwrap();
        let name = expression.strip_prefix("variables.").unwrap().split('.').next().unwrap();
        assert!(names.contains(&name), "{expression}");
        assert!(!validation["message"].as_str().unwrap().contains('\n'));
    }
    assert_eq!(all[1].spec().unwrap()["policyName"], all[0].name());
}
