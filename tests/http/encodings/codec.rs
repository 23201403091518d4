//! Compresses the bodies that the tests send.

use std::io::Write;

use flate2::{
    Compression,
    write::{DeflateEncoder, GzEncoder, ZlibEncoder},
};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Coding {
    Gzip,
    /// The zlib format of RFC 9110.
    Deflate,
    /// Raw deflate, which some servers send under the same name.
    BareDeflate,
    Brotli,
    Zstd,
}

pub(crate) const CODINGS: &[Coding] =
    &[Coding::Gzip, Coding::Deflate, Coding::BareDeflate, Coding::Brotli, Coding::Zstd];

impl Coding {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Coding::Gzip => "gzip",
            Coding::Deflate | Coding::BareDeflate => "deflate",
            Coding::Brotli => "br",
            Coding::Zstd => "zstd",
        }
    }
}

/// Yields each piece, flushed, and the end of the stream.
fn pieces<'a, W: Write>(
    mut writer: W,
    plain: impl IntoIterator<Item = &'a [u8]>,
    take: impl Fn(&mut W) -> &mut Vec<u8>,
    finish: impl FnOnce(W) -> Vec<u8>,
) -> Vec<Vec<u8>> {
    let mut pieces = Vec::new();
    for piece in plain {
        writer.write_all(piece).unwrap();
        writer.flush().unwrap();
        pieces.push(std::mem::take(take(&mut writer)));
    }
    pieces.push(finish(writer));
    pieces
}

pub(crate) fn flushed<'a>(
    coding: Coding,
    plain: impl IntoIterator<Item = &'a [u8]>,
) -> Vec<Vec<u8>> {
    let level = Compression::default();
    let to = Vec::new();
    match coding {
        Coding::Gzip => {
            pieces(GzEncoder::new(to, level), plain, |w| w.get_mut(), |w| w.finish().unwrap())
        }
        Coding::Deflate => {
            pieces(ZlibEncoder::new(to, level), plain, |w| w.get_mut(), |w| w.finish().unwrap())
        }
        Coding::BareDeflate => {
            pieces(DeflateEncoder::new(to, level), plain, |w| w.get_mut(), |w| w.finish().unwrap())
        }
        Coding::Brotli => {
            let writer = brotli::CompressorWriter::new(to, 4096, 5, 22);
            pieces(writer, plain, |w| w.get_mut(), brotli::CompressorWriter::into_inner)
        }
        Coding::Zstd => {
            let writer = zstd::Encoder::new(to, 3).unwrap();
            pieces(writer, plain, |w| w.get_mut(), |w| w.finish().unwrap())
        }
    }
}

/// Compresses the whole body, without a flush in between.
pub(crate) fn compress(coding: Coding, plain: &[u8]) -> Vec<u8> {
    fn all<W: Write>(mut writer: W, plain: &[u8]) -> W {
        writer.write_all(plain).unwrap();
        writer
    }
    let level = Compression::fast();
    match coding {
        Coding::Gzip => all(GzEncoder::new(Vec::new(), level), plain).finish().unwrap(),
        Coding::Deflate => all(ZlibEncoder::new(Vec::new(), level), plain).finish().unwrap(),
        Coding::BareDeflate => all(DeflateEncoder::new(Vec::new(), level), plain).finish().unwrap(),
        Coding::Brotli => {
            all(brotli::CompressorWriter::new(Vec::new(), 1 << 16, 2, 22), plain).into_inner()
        }
        Coding::Zstd => all(zstd::Encoder::new(Vec::new(), 3).unwrap(), plain).finish().unwrap(),
    }
}

/// A compressed body of `mebibytes` MiB of zeros.
pub(crate) fn zeros(coding: Coding, mebibytes: usize) -> Vec<u8> {
    match coding {
        // Members can be concatenated, so the test does not have to compress all the zeros.
        Coding::Gzip | Coding::Zstd => compress(coding, &vec![0; 8 << 20]).repeat(mebibytes / 8),
        Coding::Deflate | Coding::BareDeflate | Coding::Brotli => {
            compress(coding, &vec![0; mebibytes << 20])
        }
    }
}
