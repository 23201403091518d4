use std::{
    net::{Ipv4Addr, SocketAddr},
    str::FromStr,
    time::Duration,
};

use ring::digest::{SHA256, digest};
use serde::{Deserialize, Deserializer, de::Error};
use tower_llm_callbacks::{
    ContentCapture,
    http_layer::{CallerRules, InvalidCallerRule},
};

use crate::routes::Route;

/// How much of prompts and answers is captured: `full`, `off` or a number of bytes.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Content(pub(crate) ContentCapture);

impl FromStr for Content {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        Ok(Self(match text {
            "full" => ContentCapture::Full,
            "off" => ContentCapture::Off,
            bytes => {
                let expected = |_| "expected `full`, `off` or a number of bytes".to_owned();
                ContentCapture::Limited(bytes.parse().map_err(expected)?)
            }
        }))
    }
}

/// Clocks overflow with longer times.
const LONGEST: Duration = Duration::from_secs(100 * 365 * 24 * 3600);

/// A length of time: a number of seconds, or a number with a unit, such as `90s`, `5m` or `1day`.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Seconds(pub(crate) Duration);

impl FromStr for Seconds {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let seconds = text.parse().map(Duration::from_secs).ok();
        let length = seconds.or_else(|| humantime::parse_duration(text).ok());
        let length = length.ok_or(
            "expected a whole number of seconds, or a time with its unit, such as 90s, 5m or 1day",
        )?;
        match length <= LONGEST {
            true => Ok(Self(length)),
            false => Err("it is longer than 100 years: leave it out, or set a shorter time".into()),
        }
    }
}

/// A number of bytes, or a size with its unit, such as `64MiB`.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct ByteSize(pub(crate) u64);

impl ByteSize {
    pub(crate) fn as_usize(self) -> usize {
        usize::try_from(self.0).unwrap_or(usize::MAX)
    }
}

impl FromStr for ByteSize {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let digits = text.bytes().take_while(u8::is_ascii_digit).count();
        let unit: u64 = match text[digits..].trim() {
            "" | "B" => 1,
            "kB" | "KB" => 1_000,
            "MB" => 1_000_000,
            "GB" => 1_000_000_000,
            "KiB" => 1 << 10,
            "MiB" => 1 << 20,
            "GiB" => 1 << 30,
            _ => 0,
        };
        let size = text[..digits].parse().ok().and_then(|number: u64| number.checked_mul(unit));
        let size = size.filter(|_| unit > 0);
        size.map(Self).ok_or_else(|| {
            "expected a number of bytes, or a size with its unit, such as 64MiB or 100MB".into()
        })
    }
}

/// An address. A port alone is bound to loopback: it may be meant for no other machine.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Address(pub(crate) SocketAddr);

impl FromStr for Address {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if let Ok(address) = text.parse() {
            return Ok(Self(address));
        }
        let port = ["localhost:", ":"].iter().find_map(|host| text.strip_prefix(host));
        match port.unwrap_or(text).parse() {
            Ok(port) => Ok(Self((Ipv4Addr::LOCALHOST, port).into())),
            Err(_) => {
                Err("expected a port or an address with a port, such as 127.0.0.1:9090".into())
            }
        }
    }
}

/// A preset or a rule about callers.
#[derive(Debug, Clone)]
pub(crate) struct Caller(String);

impl Caller {
    pub(crate) fn add_to(&self, rules: CallerRules) -> CallerRules {
        rules.clone().parse(&self.0).unwrap_or(rules)
    }
}

impl FromStr for Caller {
    type Err = InvalidCallerRule;

    fn from_str(text: &str) -> Result<Self, InvalidCallerRule> {
        CallerRules::new().parse(text).map(|_| Self(text.to_owned()))
    }
}

/// The SHA-256 of a key. Keys themselves are not kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct KeyHash([u8; 32]);

impl KeyHash {
    pub(crate) fn of(key: &str) -> Self {
        let mut hash = [0; 32];
        hash.copy_from_slice(digest(&SHA256, key.as_bytes()).as_ref());
        Self(hash)
    }
}

impl FromStr for KeyHash {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        // The text may be the key itself, by mistake: the message does not repeat it.
        let expected = "expected the 64 hexadecimal digits that `printf %s KEY | sha256sum` prints";
        let is_hex = text.len() == 64 && text.bytes().all(|byte| byte.is_ascii_hexdigit());
        if !is_hex {
            return Err(expected.to_owned());
        }
        let mut hash = [0; 32];
        for (at, byte) in hash.iter_mut().enumerate() {
            *byte = u8::from_str_radix(&text[2 * at..2 * at + 2], 16).map_err(|_| expected)?;
        }
        Ok(Self(hash))
    }
}

/// What a file may have for a value that the command line has as text.
#[derive(Deserialize)]
#[serde(untagged, expecting = "expected a text or a number")]
enum Scalar {
    Number(i64),
    Fraction(f64),
    Text(String),
}

macro_rules! read_from_text {
    ($($type:ty),*) => {$(
        impl<'de> Deserialize<'de> for $type {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                let text = match Scalar::deserialize(deserializer)? {
                    // One that cannot be is answered as its text would be.
                    Scalar::Number(number) => number.to_string(),
                    Scalar::Fraction(number) => number.to_string(),
                    Scalar::Text(text) => text,
                };
                text.parse().map_err(D::Error::custom)
            }
        }
    )*};
}

read_from_text!(Content, Seconds, ByteSize, Address, Caller, KeyHash, Route);
