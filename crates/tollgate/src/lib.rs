//! Authenticated data APIs, where permission is a value
