//! A folder of YAML files that behaves like a cluster.
