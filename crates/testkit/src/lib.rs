//! Private servers, faults, clocks and contract suites for tests.
