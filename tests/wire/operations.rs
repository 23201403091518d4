//! Embeddings, ranking, pictures, speech and moderation.

mod bodies;
mod recorded;
mod requests;
mod run;
