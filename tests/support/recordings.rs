//! Access to real recordings, which lie beside the repository and are not part of it, and ways to cut them.

use std::{
    env, fs,
    path::{Path, PathBuf},
};

use serde_json::Value;

const FOLDER: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../shared/fixtures");

/// Returns the folder of the recordings, or `None` if it is missing. A missing folder fails only where CI
/// runs.
pub fn folder() -> Option<PathBuf> {
    let folder = Path::new(FOLDER);
    if folder.join("index.json").is_file() {
        return Some(folder.to_owned());
    }
    assert!(env::var_os("CI").is_none_or(|ci| ci != "true"), "the fixtures are missing: {FOLDER}");
    println!("skipped: the fixtures are missing: {FOLDER}");
    None
}

pub fn read_json(path: &Path) -> Value {
    serde_json::from_slice(&fs::read(path).unwrap()).unwrap()
}

/// Cuts a body whole, into single bytes, and fifty times at random, with the same cuts on every run.
pub fn cuts(file: &str, body: &[u8]) -> Vec<Vec<usize>> {
    let mut all = vec![vec![body.len()], vec![1; body.len()]];
    let mut state = file
        .bytes()
        .fold(0x9E37_79B9_7F4A_7C15_u64, |state, byte| (state ^ u64::from(byte)).wrapping_mul(31));
    let mut random = |below: usize| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        usize::try_from(state >> 33).unwrap() % below
    };
    for round in 0..50 {
        let longest = [4, 30, 200, 1500, 9000][round % 5];
        let mut left = body.len();
        let mut lengths = vec![];
        while left > 0 {
            let length = random(longest).min(left);
            lengths.push(length);
            left -= length;
        }
        all.push(lengths);
    }
    all
}

pub fn pieces<'a>(mut body: &'a [u8], lengths: &[usize]) -> Vec<&'a [u8]> {
    let mut pieces = vec![];
    for &length in lengths {
        let (piece, rest) = body.split_at(length);
        pieces.push(piece);
        body = rest;
    }
    assert!(body.is_empty());
    pieces
}
