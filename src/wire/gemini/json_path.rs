use std::borrow::Cow;

/// Deeper than arguments are ever nested. Bounds the recursion.
const MAX_STEPS: usize = 64;

/// One step down into a value.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Step<'a> {
    Member(Cow<'a, str>),
    Item(usize),
}

/// Parses a singular query of RFC 9535, such as `$.foo.bar[0]['a b']`. Returns `None` for other queries and
/// invalid ones.
pub(super) fn steps(path: &str) -> Option<Vec<Step<'_>>> {
    let mut rest = path.trim().strip_prefix('$')?;
    let mut steps = Vec::new();
    while !rest.is_empty() {
        if steps.len() == MAX_STEPS {
            return None;
        }
        let step;
        (step, rest) = match rest.strip_prefix('.') {
            Some(after) => {
                let end = after.find(['.', '[']).unwrap_or(after.len());
                let (name, after) = after.split_at(end);
                if name.is_empty() || name == "*" {
                    return None;
                }
                (Step::Member(Cow::Borrowed(name)), after)
            }
            None => bracket(rest.strip_prefix('[')?)?,
        };
        steps.push(step);
    }
    (!steps.is_empty()).then_some(steps)
}

/// Parses a step in brackets. Returns the step and the rest of the path.
fn bracket(rest: &str) -> Option<(Step<'_>, &str)> {
    let quote = rest.chars().next().filter(|first| matches!(first, '\'' | '"'));
    let Some(quote) = quote else {
        let (index, after) = rest.split_once(']')?;
        return Some((Step::Item(index.parse().ok()?), after));
    };
    let mut escaped = false;
    let end = rest[1..].find(|c| {
        let ends = c == quote && !escaped;
        escaped = c == '\\' && !escaped;
        ends
    })?;
    let (name, after) = (&rest[1..=end], rest[end + 2..].strip_prefix(']')?);
    let name = match (name.contains('\\'), quote) {
        (false, _) => Cow::Borrowed(name),
        // The escapes are those of JSON, except for the quotes.
        (true, '"') => Cow::Owned(serde_json::from_str(&format!("\"{name}\"")).ok()?),
        (true, _) => Cow::Owned(serde_json::from_str(&format!("\"{}\"", requoted(name))).ok()?),
    };
    Some((Step::Member(name), after))
}

/// Converts a single-quoted name to a double-quoted one.
fn requoted(name: &str) -> String {
    let mut requoted = String::with_capacity(name.len());
    let mut chars = name.chars();
    while let Some(c) = chars.next() {
        match (c, c == '\\') {
            (_, true) => match chars.next() {
                Some('\'') => requoted.push('\''),
                next => requoted.extend([Some(c), next].into_iter().flatten()),
            },
            ('"', _) => requoted.push_str("\\\""),
            _ => requoted.push(c),
        }
    }
    requoted
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths() {
        let member = |name: &'static str| Step::Member(name.into());
        for (path, expected) in [
            ("$.location", Some(vec![member("location")])),
            (
                "$.foo.bar[0].data",
                Some(vec![member("foo"), member("bar"), Step::Item(0), member("data")]),
            ),
            ("$['a b'][\"c.d\"]", Some(vec![member("a b"), member("c.d")])),
            (r#"$['it\'s "\n'].é"#, Some(vec![member("it's \"\n"), member("é")])),
            (r#"$["\"\\"]['\\']"#, Some(vec![member("\"\\"), member("\\")])),
            ("$['']", Some(vec![member("")])),
            ("", None),
            ("$", None),
            ("$.", None),
            ("$..a", None),
            ("$.*", None),
            ("$[*]", None),
            ("$[-1]", None),
            ("$[1:2]", None),
            ("$['a", None),
            ("$['a'", None),
            ("$['", None),
            ("$[", None),
            ("$a", None),
            ("location", None),
            (r"$['\x']", None),
        ] {
            assert_eq!(steps(path), expected, "{path}");
        }
        assert!(steps(&format!("${}", ".a".repeat(64))).is_some());
        assert!(steps(&format!("${}", ".a".repeat(65))).is_none());
    }
}
