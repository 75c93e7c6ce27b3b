//! TestApp, actors and the conformance suite
