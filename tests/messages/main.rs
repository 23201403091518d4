//! What the compiler says about wrong stacks and types.
//!
//! The files in `programs` do not compile. A comment `//~ text` is at the end of each line that has an error: the compiler's
//! message, with its labels and notes, has to contain the text. Other lines must have no error. The rest of the message is the
//! compiler's own, and differs between versions.

use std::{
    collections::BTreeMap,
    env, fs,
    path::{Path, PathBuf},
    process::Command,
};

use serde_json::Value;

#[test]
fn typed_stacks() {
    check("typed");
}

#[test]
fn http_stacks() {
    check("http");
}

#[test]
fn boxes_and_batches() {
    check("boxed");
}

#[test]
fn types_of_users() {
    check("types");
}

/// Compiles a program, and compares its errors with its comments.
fn check(name: &str) {
    let program =
        Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("messages/programs/{name}.rs"));
    let source = fs::read_to_string(&program).expect("a program");
    let expected: BTreeMap<usize, &str> = (1..)
        .zip(source.lines())
        .filter_map(|(line, text)| Some((line, text.split_once("//~ ")?.1)))
        .collect();
    let errors = errors(&program);
    let mut faults = String::new();
    for (line, text) in &expected {
        match errors.get(line) {
            None => faults += &format!("line {line} has no error, expected: {text}\n"),
            Some(found) if !found.contains(text) => {
                faults += &format!("the error of line {line} lacks: {text}\n{found}\n");
            }
            Some(_) => {}
        }
    }
    for (line, found) in errors.iter().filter(|(line, _)| !expected.contains_key(line)) {
        faults += &format!("line {line} has an error, expected none:\n{found}\n");
    }
    assert!(faults.is_empty() && !expected.is_empty(), "{name}.rs:\n{faults}");
}

/// Returns the compiler's errors in a program, by their lines.
fn errors(program: &Path) -> BTreeMap<usize, String> {
    let (library, dependencies) = library();
    // The compiler that cargo uses.
    let compiler = env::var_os("RUSTC").unwrap_or_else(|| "rustc".into());
    let output = Command::new(compiler)
        .args(["--edition=2024", "--crate-type=lib", "--emit=metadata", "--error-format=json"])
        .arg("--out-dir")
        .arg(env!("CARGO_TARGET_TMPDIR"))
        .arg("-L")
        .arg(format!("dependency={}", dependencies.display()))
        .arg("--extern")
        .arg(format!("support={}", library.display()))
        .arg(program)
        .output()
        .expect("the compiler starts");
    assert!(!output.status.success(), "{} compiles", program.display());
    let mut errors = BTreeMap::new();
    for line in String::from_utf8_lossy(&output.stderr).lines() {
        let message: Value = serde_json::from_str(line).expect("messages are JSON");
        let mut spans = message["spans"].as_array().into_iter().flatten();
        let primary = spans.find(|span| span["is_primary"] == true);
        if message["level"] != "error"
            || message["message"].as_str().unwrap().starts_with("aborting")
        {
            continue;
        }
        let line = primary.and_then(|span| span["line_start"].as_u64()).unwrap_or_default();
        let rendered = message["rendered"].as_str().unwrap_or_default();
        *errors.entry(line as usize).or_insert_with(String::new) += rendered;
    }
    errors
}

/// Returns the library of the tests, which re-exports what programs use, and the folder of its dependencies.
fn library() -> (PathBuf, PathBuf) {
    let this = env::current_exe().expect("a test has a path");
    let folder = this.parent().expect("a test is in a folder").to_owned();
    let files = fs::read_dir(&folder).expect("the folder is readable").flatten();
    let libraries = files.filter(|file| {
        let name = file.file_name();
        let name = name.to_string_lossy();
        name.starts_with("libsupport-") && name.ends_with(".rlib")
    });
    // There are several if it was built with other features too.
    let newest = libraries.max_by_key(|file| file.metadata().and_then(|it| it.modified()).ok());
    (newest.expect("cargo builds it before this test").path(), folder)
}
