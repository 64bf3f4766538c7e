//! A cluster whose n-th call fails, for tests of every error path.
