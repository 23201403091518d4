//! Runs the cases of many seeds, and tells which spellings are the causes of failures.

use std::{collections::BTreeMap, env, fmt::Write};

use super::generator::{Case, Choices, Label};

/// Failing seeds that are reduced to their causes. The others are only counted. Reducing takes long.
const REDUCED: usize = 120;
/// Causes that are printed with a body.
const SHOWN: usize = 60;

/// A set of spellings that fails.
struct Cause {
    seeds: Vec<u64>,
    differences: Vec<String>,
    body: String,
}

/// Checks the cases of as many seeds. Each failure is reduced to the fewest spellings that still fail.
pub(super) fn check(name: &str, seeds: u64, case: impl Fn(&mut Choices<'_>) -> Case) {
    let seeds = number("SPELLINGS").unwrap_or(seeds);
    let from = number("SPELLINGS_FROM").unwrap_or(0);
    let reduced = number("SPELLINGS_REDUCED").map_or(REDUCED, |n| n as usize);
    let mut causes = BTreeMap::<Vec<Label>, Cause>::new();
    let mut failed = 0_usize;
    for seed in from..from + seeds {
        if run(&case, seed, &[]).0.is_empty() {
            continue;
        }
        failed += 1;
        if failed > reduced {
            continue;
        }
        for (mut labels, off) in reduce(&case, seed) {
            let (differences, body, _) = run(&case, seed, &off);
            let new = Cause { seeds: vec![], differences, body };
            labels.iter_mut().for_each(|label| *label = alike(*label));
            let cause = causes.entry(labels).or_insert(new);
            cause.seeds.push(seed);
        }
    }
    assert!(causes.is_empty(), "{}", report(name, failed, seeds, &causes));
}

/// Runs a case. Returns how it fails, its body, and its spellings other than the plain ones.
fn run(
    case: &impl Fn(&mut Choices<'_>) -> Case,
    seed: u64,
    off: &[Label],
) -> (Vec<String>, String, Vec<Label>) {
    let mut choices = Choices::seeded(seed, off);
    let case = case(&mut choices);
    let differences = case.differences();
    let body = if differences.is_empty() { String::new() } else { case.shown() };
    (differences, body, choices.used().to_vec())
}

/// Returns the causes of a failure: the spellings that remain, and those that are turned off.
fn reduce(case: &impl Fn(&mut Choices<'_>) -> Case, seed: u64) -> Vec<(Vec<Label>, Vec<Label>)> {
    let mut causes = Vec::new();
    let mut excluded = Vec::<Label>::new();
    loop {
        let (differences, _, used) = run(case, seed, &excluded);
        if differences.is_empty() {
            return causes;
        }
        let mut off = excluded.clone();
        for label in used {
            off.push(label);
            if run(case, seed, &off).0.is_empty() {
                off.pop();
            }
        }
        let mut rest = run(case, seed, &off).2;
        rest.sort_unstable();
        // The next cause is one without any of these.
        match rest.is_empty() {
            true => {
                causes.push((rest, off));
                return causes;
            }
            false => excluded.extend(&rest),
        }
        causes.push((rest, off));
    }
}

/// How many calls there are, or which text, is rarely a cause of its own.
fn alike((axis, choice): Label) -> Label {
    match axis {
        "CallsPart" | "ReasoningPart" | "ArgumentsPart" => (axis, "any"),
        _ => (axis, choice),
    }
}

fn report(name: &str, failed: usize, seeds: u64, causes: &BTreeMap<Vec<Label>, Cause>) -> String {
    let mut all: Vec<_> = causes.iter().collect();
    all.sort_by_key(|(labels, cause)| (labels.len(), std::cmp::Reverse(cause.seeds.len())));
    // A cause with more spellings than a simpler one is most likely the same.
    let mut simple: Vec<(&Vec<Label>, &Cause, usize)> = Vec::new();
    for (labels, cause) in all {
        let known = |(other, ..): &&mut (&Vec<Label>, _, _)| {
            other.iter().all(|label| labels.contains(label))
        };
        match simple.iter_mut().find(known) {
            Some((.., seeds)) => *seeds += cause.seeds.len(),
            None => simple.push((labels, cause, cause.seeds.len())),
        }
    }
    let causes = simple.len();
    let mut out = format!("{name}: {failed} of {seeds} bodies fail, for {causes} causes\n");
    for (labels, cause, seeds) in simple.into_iter().take(SHOWN) {
        let labels: Vec<_> = labels.iter().map(|(axis, name)| format!("{axis}::{name}")).collect();
        let labels = if labels.is_empty() { "all is plain".to_owned() } else { labels.join(" + ") };
        let first = cause.seeds[0];
        let differences = cause.differences.join("\n  ");
        let body = cause.body.trim_end().replace('\n', "\n  | ");
        write!(out, "\n{labels} ({seeds} seeds, such as {first})\n  {differences}\n  | {body}\n")
            .expect("a string takes all");
    }
    out
}

fn number(variable: &str) -> Option<u64> {
    let value = env::var(variable).ok()?;
    Some(value.parse().unwrap_or_else(|_| panic!("{variable} is no number: {value}")))
}
