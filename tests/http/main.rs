//! The HTTP layer, on scripted bodies.

mod by_body;
mod callers;
mod content;
mod drain;
mod encodings;
mod hostile;
mod kept_bytes;
mod layer;
mod mcp;
mod model_calls;
mod observed;
mod odd_places;
mod operations;
mod paths;
mod phases;
mod prompts;
mod propagation;
mod providers;
mod routes;
mod terminals;
mod timeouts;
mod trace;
mod unobserved;
mod untouched;
mod uploads;
mod usage;
