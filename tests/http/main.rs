//! The HTTP layer, on scripted bodies.

mod content;
mod encodings;
mod hostile;
mod kept_bytes;
mod layer;
mod odd_places;
mod phases;
mod propagation;
mod routes;
mod terminals;
mod timeouts;
mod trace;
mod untouched;
