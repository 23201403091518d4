//! Price tables: sources, lookup and validation.

use std::{error::Error, fs, io};

use tower_llm_callbacks::handlers::{ModelPrice, PriceTable};

fn output(table: &PriceTable, model: &str) -> Option<u64> {
    table.price(model).map(|price| price.output / 1_000_000)
}

#[test]
fn names_precede_patterns_and_longer_patterns_win() {
    let models = [
        "*",
        "gpt-*",
        "gpt-5*",
        "gpt-5",
        "gpt-5-mini*",
        "*-mini",
        "*/llama-3",
        "a*bc",
        "ab*c",
        "*:free",
    ];
    let models = models.iter().enumerate();
    let models = models.map(|(at, name)| format!(r#""{name}": {{"input": 0, "output": {at}}}"#));
    let json =
        format!(r#"{{"models": {{{}}}, "currency": "USD"}}"#, models.collect::<Vec<_>>().join(","));
    let table: PriceTable = json.parse().unwrap();
    assert_eq!((table.len(), table.is_empty(), table.currency()), (10, false, "USD"));
    for (model, expected) in [
        ("gpt-5", 3),
        ("gpt-5-turbo", 2),
        ("gpt-4", 1),
        ("gpt-5-mini-2025", 4),
        ("gpt-4-mini", 5),
        ("gpt-5-mini", 4),
        ("meta/llama-3", 6),
        // Both patterns are equally long: the longer prefix wins.
        ("abc", 8),
        ("axbc", 7),
        ("abxc", 8),
        ("x:free", 9),
        ("", 0),
        ("GPT-5", 0),
        ("*", 0),
    ] {
        assert_eq!(output(&table, model), Some(expected), "{model}");
    }

    let table: PriceTable =
        r#"{"currency": "USD", "models": {"ab*ba": {"input": 1, "output": 2}}}"#.parse().unwrap();
    // Prefix and suffix do not overlap.
    assert_eq!((output(&table, "aba"), output(&table, "abba")), (None, Some(2)));
    assert_eq!(output(&table, "abcba"), Some(2));
    assert!(table.price("xabba").is_none() && table.price("abbax").is_none());
}

#[test]
fn omitted_prices_have_defaults() {
    let table: PriceTable = r#"{"currency": "USD", "models": {
        "a": {"output": 5.5, "input": "0.000001"},
        "b": {"input": 1, "output": 2, "cache_read": 0, "cache_write": 3, "reasoning": 4.25}
    }}"#
    .parse()
    .unwrap();
    assert_eq!(table.price("a"), Some(&ModelPrice::new(1, 5_500_000)));
    let b = table.price("b").unwrap();
    assert_eq!((b.cache_read, b.cache_write, b.reasoning), (0, 3_000_000, 4_250_000));
    let empty: PriceTable = "\u{feff}{\"currency\": \"USD\", \"models\": {}}".parse().unwrap();
    assert!(empty.is_empty());
    assert_eq!(format!("{table:?}"), r#"PriceTable { currency: "USD", models: 2 }"#);
}

#[test]
fn errors_name_the_place_and_the_remedy() {
    let model = |price: &str| format!(r#"{{"currency": "USD", "models": {{"m": {price}}}}}"#);
    for (json, says) in [
        ("".to_owned(), "the price table is not a valid JSON object; EOF"),
        ("[]".to_owned(), "not a valid JSON object; invalid type: sequence, expected an object"),
        ("{} x".to_owned(), "not a valid JSON object; trailing characters"),
        (
            r#"{"models": {}}"#.to_owned(),
            r#"`currency` is missing: expected a string such as "USD""#,
        ),
        (r#"{"currency": "", "models": {}}"#.to_owned(), r#"`currency` is "": expected a string"#),
        (r#"{"currency": 7, "models": {}}"#.to_owned(), "`currency` is 7: expected a string"),
        (r#"{"currency": "USD"}"#.to_owned(), "`models` is missing: expected an object"),
        (
            r#"{"currency": "USD", "models": []}"#.to_owned(),
            "`models` is not a valid JSON object",
        ),
        (
            r#"{"currency": "USD", "model": {}}"#.to_owned(),
            r#"unknown key "model" in the price table: expected `currency` or `models`"#,
        ),
        (
            r#"{"currency": "USD", "models": {}, "models": {}}"#.to_owned(),
            r#"duplicate key "models" in the price table"#,
        ),
        (
            r#"{"currency": "USD", "models": {"a": {"input": 1, "output": 1}, "a": {"input": 1, "output": 1}}}"#
                .to_owned(),
            r#"duplicate key "a" in `models`"#,
        ),
        (model("7"), r#"the price of model "m" is not a valid JSON object"#),
        (model(r#"{"output": 1}"#), r#"`input` of model "m" is missing"#),
        (model(r#"{"input": 1}"#), r#"`output` of model "m" is missing"#),
        (
            model(r#"{"input": 1, "output": 1, "cached": 1}"#),
            r#"unknown key "cached" in the price of model "m": expected `input`, `output`, `cache_read`"#,
        ),
        (
            model(r#"{"input": 1, "output": 1, "input": 1}"#),
            r#"duplicate key "input" in the price of model "m""#,
        ),
        (model(r#"{"input": -1, "output": 1}"#), r#"`input` of model "m" is -1: expected the price"#),
        (model(r#"{"input": 1, "output": 1e2}"#), r#"`output` of model "m" is 1e2: expected"#),
        (model(r#"{"input": 0.0000001, "output": 1}"#), "at most 6 decimal places"),
        (model(r#"{"input": "$3", "output": 1}"#), r#"is "$3": expected the price"#),
        (model(r#"{"input": null, "output": 1}"#), "is null: expected the price"),
        (model(r#"{"input": [1], "output": 1}"#), "is [1]: expected the price"),
        (model(r#"{"input": 99999999999999999999, "output": 1}"#), "as a decimal such as 2.50"),
        (
            r#"{"currency": "USD", "models": {"a*b*": {"input": 1, "output": 1}}}"#.to_owned(),
            r#"the model pattern "a*b*" has several `*`"#,
        ),
    ] {
        let error = json.parse::<PriceTable>().unwrap_err();
        let source = error.source().map(|source| format!("; {source}")).unwrap_or_default();
        let error = format!("{error}{source}");
        assert!(error.contains(says), "{json}: {error}");
    }
}

#[test]
fn tables_from_files_and_readers() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("prices.json");
    let error = PriceTable::open(&path).unwrap_err();
    assert!(error.to_string().ends_with("prices.json: cannot read the price table"), "{error}");
    assert!(error.source().is_some_and(|source| source.is::<io::Error>()));

    let json = r#"{"currency": "USD", "models": {"m": {"input": 1, "output": 2}}}"#;
    fs::write(&path, json).unwrap();
    assert_eq!(PriceTable::open(&path).unwrap().len(), 1);
    assert_eq!(PriceTable::from_reader(json.as_bytes()).unwrap().len(), 1);
    fs::write(&path, "{").unwrap();
    let error = PriceTable::open(&path).unwrap_err();
    let text = error.to_string();
    assert!(text.ends_with("prices.json: the price table is not a valid JSON object"), "{text}");
    assert!(error.source().is_some_and(|source| source.is::<serde_json::Error>()));
    assert!(PriceTable::from_reader(&b"\xff"[..]).is_err());
}
