//! What the tests share: a manual clock, the store conformance suite, real Redis servers, a fault proxy.
