//! The HTTP layer, on scripted bodies.

mod by_body;
mod content;
mod drain;
mod encodings;
mod hostile;
mod kept_bytes;
mod layer;
mod observed;
mod mcp;
mod model_calls;
mod odd_places;
mod operations;
mod paths;
mod phases;
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
