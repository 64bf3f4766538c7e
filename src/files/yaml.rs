//! The only file that names the YAML crate.
