//! Puts the object in: cluster to object.yaml (contract.md 2.1).
