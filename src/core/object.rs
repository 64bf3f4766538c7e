//! What the reader publishes of an object.
