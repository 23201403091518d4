//! How near estimates of tokens come to what providers report: the figures on recorded answers, learning, languages, and
//! what holds for any text and any request.

mod cuts;
mod input;
mod languages;
mod learning;
mod output;
mod properties;
mod rows;
mod shares;
mod tokenizers;
