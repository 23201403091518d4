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
    for (json, expected) in [
        ("".to_owned(), "the price table is not as expected"),
        ("[]".to_owned(), "expected an object"),
        ("{} x".to_owned(), "trailing characters"),
        (r#"{"models": {}}"#.to_owned(), r#""currency": "USD""#),
        (r#"{"currency": "", "models": {}}"#.to_owned(), r#""currency": "USD""#),
        (r#"{"currency": 7, "models": {}}"#.to_owned(), r#""currency": "USD""#),
        (r#"{"currency": "USD"}"#.to_owned(), r#"has no "models""#),
        (r#"{"currency": "USD", "models": []}"#.to_owned(), "`models` is not as expected"),
        (
            r#"{"currency": "USD", "model": {}}"#.to_owned(),
            r#"the key "model" is not known: a price table has `currency` and `models`"#,
        ),
        (
            r#"{"currency": "USD", "models": {}, "models": {}}"#.to_owned(),
            r#"the key "models" is in the price table twice"#,
        ),
        (
            r#"{"currency": "USD", "models": {"a": {"input": 1, "output": 1}, "a": {"input": 1, "output": 1}}}"#
                .to_owned(),
            r#"the key "a" is in `models` twice"#,
        ),
        (model("7"), r#"the model "m" is not as expected"#),
        (model(r#"{"output": 1}"#), r#"the model "m" has no `input`"#),
        (model(r#"{"input": 1}"#), r#"the model "m" has no `output`"#),
        (
            model(r#"{"input": 1, "output": 1, "cached": 1}"#),
            r#"the key "cached" of the model "m" is not known: a price has `input`, `output`, `cache_read`"#,
        ),
        (model(r#"{"input": 1, "output": 1, "input": 1}"#), r#"is in the model "m" twice"#),
        (model(r#"{"input": -1, "output": 1}"#), r#"`input` of the model "m" is -1: write a decimal"#),
        (model(r#"{"input": 1, "output": 1e2}"#), r#"`output` of the model "m" is 1e2: write"#),
        (model(r#"{"input": 0.0000001, "output": 1}"#), "at most 6 decimals"),
        (model(r#"{"input": "$3", "output": 1}"#), r#"is "$3": write a decimal such as 2.50"#),
        (model(r#"{"input": null, "output": 1}"#), "is null: write a decimal"),
        (model(r#"{"input": [1], "output": 1}"#), "is [1]: write a decimal"),
        (model(r#"{"input": 99999999999999999999, "output": 1}"#), "write a decimal"),
        (
            r#"{"currency": "USD", "models": {"a*b*": {"input": 1, "output": 1}}}"#.to_owned(),
            r#"the model "a*b*" has several `*`"#,
        ),
    ] {
        let error = json.parse::<PriceTable>().unwrap_err().to_string();
        assert!(error.contains(expected), "{json}: {error}");
    }
}

#[test]
fn tables_from_files_and_readers() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("prices.json");
    let error = PriceTable::open(&path).unwrap_err();
    assert!(error.to_string().contains("prices.json: the price table cannot be read"), "{error}");
    assert!(error.source().is_some_and(|source| source.is::<io::Error>()));

    let json = r#"{"currency": "USD", "models": {"m": {"input": 1, "output": 2}}}"#;
    fs::write(&path, json).unwrap();
    assert_eq!(PriceTable::open(&path).unwrap().len(), 1);
    assert_eq!(PriceTable::from_reader(json.as_bytes()).unwrap().len(), 1);
    fs::write(&path, "{").unwrap();
    let error = PriceTable::open(&path).unwrap_err();
    assert!(error.to_string().contains("prices.json: the price table is not as expected"));
    assert!(error.source().is_none());
    assert!(PriceTable::from_reader(&b"\xff"[..]).is_err());
}
