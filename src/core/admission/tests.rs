//! The shape of the policies; what they refuse is tried on a real API server (`tests/cluster/bad_input.rs`).

use std::collections::BTreeSet;

use super::*;

#[test]
fn every_rule_has_a_variable_and_a_validation() {
    let all = policies();
    assert_eq!(all.len(), 8);
    for pair in all.chunks(2) {
        let spec = pair[0].spec().unwrap();
        let names: Vec<_> = spec["variables"]
            .as_array()
            .unwrap()
            .iter()
            .map(|one| one["name"].as_str().unwrap())
            .collect();
        assert_eq!(names.iter().collect::<BTreeSet<_>>().len(), names.len(), "no name twice");
        for validation in spec["validations"].as_array().unwrap() {
            let expression = validation["expression"].as_str().unwrap();
            let name = expression.strip_prefix("variables.").unwrap().split('.').next().unwrap();
            assert!(names.contains(&name), "{expression}");
            assert!(!validation["message"].as_str().unwrap().contains('\n'));
        }
        assert_eq!(pair[1].spec().unwrap()["policyName"], pair[0].name());
    }
    let validations = all[0].spec().unwrap()["validations"].as_array().unwrap();
    assert_eq!(validations.len(), rules::all().len());
}
