//! What services are called and run with: the client for callers, and the files of `deploy/`.

mod client;
