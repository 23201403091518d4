//! Answers as strangers saw them in the field, through the HTTP layer. Each case beside the repository stands for
//! a kind of answer that the crate must read, and says what the end record must hold.

pub(crate) mod call;
pub(crate) mod case;
mod want;

use case::Case;
use serde_json::Value;

/// The cuts of a body by random lengths, beside the whole body and single bytes.
const RANDOM_CUTS: u64 = 6;

#[test]
fn cases_from_the_field_are_recorded_as_wanted() {
    let Some(cases) = Case::all() else { return };
    assert!(!cases.is_empty(), "the folder of the field cases is empty");
    let runtime = support::Flavor::Current.runtime();
    let mut failed = Vec::new();
    for case in &cases {
        let faults = runtime.block_on(faults(case, want::unmet));
        if !faults.is_empty() {
            failed.push(format!("{} ({})\n    {}", case.name, case.why, faults.join("\n    ")));
        }
    }
    assert!(
        failed.is_empty(),
        "{} of {} cases from the field fail:\n\n{}",
        failed.len(),
        cases.len(),
        failed.join("\n\n")
    );
}

/// Returns all that is wrong with a case, of whose records `unmet` returns what they do not fulfil. A fault that each cut
/// has is told once.
pub(crate) async fn faults(case: &Case, unmet: fn(&Case, &[Value]) -> Vec<String>) -> Vec<String> {
    let mut faults = Vec::new();
    let whole = call::Answered::of(case, vec![case.body.clone()], None).await;
    faults.extend(whole.faults.iter().cloned());
    faults.extend(unmet(case, &whole.records));
    let expected = whole.comparable();
    for (how, frames, coding) in forms(case) {
        let other = call::Answered::of(case, frames, coding).await;
        let new = other.faults.iter().filter(|fault| !whole.faults.contains(fault));
        faults.extend(new.map(|fault| format!("{how}: {fault}")));
        let got = other.comparable();
        if got != expected {
            faults.push(format!("{how}: the record differs:\n      {got}\n      {expected}"));
        }
    }
    faults
}

/// A name, the frames of the body, and its content coding.
type Form = (String, Vec<Vec<u8>>, Option<&'static str>);

/// The other forms in which the body comes: cut and compressed.
fn forms(case: &Case) -> Vec<Form> {
    let mut all = vec![("byte by byte".to_owned(), call::cut(&case.body, 0), None)];
    for round in 1..=RANDOM_CUTS {
        all.push((format!("random cuts {round}"), call::cut(&case.body, round), None));
    }
    if case.content_encoding.is_none() {
        for round in [0, 1, 4] {
            let how = format!("gzip of cuts {round}");
            all.push((how, call::gzip(&call::cut(&case.body, round)), Some("gzip")));
        }
    }
    all
}
