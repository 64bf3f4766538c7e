//! Takes the report out: status.yaml to the status of the object (contract.md 2.3).
