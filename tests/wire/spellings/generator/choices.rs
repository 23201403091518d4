//! Where the choices of a case come from: a seed, or the bytes of a fuzzer.

/// One choice of an axis other than the plain one, by the names of the axis and of the choice.
pub type Label = (&'static str, &'static str);

/// Something that can be spelled in several ways. The first one is the plain one.
pub trait Axis: Copy + 'static {
    const NAME: &'static str;
    const ALL: &'static [(Self, &'static str)];
}

/// Declares an axis: an enum whose first variant is the plain spelling. [`Axis`] must be in scope.
macro_rules! axis {
    ($(#[$doc:meta])* $name:ident { $($(#[$about:meta])* $variant:ident),+ $(,)? }) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        pub enum $name { $($(#[$about])* $variant),+ }

        impl Axis for $name {
            const NAME: &'static str = stringify!($name);
            const ALL: &'static [(Self, &'static str)] =
                &[$(($name::$variant, stringify!($variant))),+];
        }
    };
}

pub(super) use axis;

/// The choices of one case. With the same source and nothing more turned off, they are always the same.
#[derive(Debug)]
pub struct Choices<'a> {
    source: Source<'a>,
    /// Spellings that are replaced by the plain one, to find those that matter.
    off: &'a [Label],
    used: Vec<Label>,
}

#[derive(Debug)]
enum Source<'a> {
    /// Each axis has numbers of its own, so that turning one off does not change the others.
    Seed { seed: u64, drawn: Vec<(&'static str, u64)> },
    /// Bytes, one per choice. When they are used up, all else is plain.
    Bytes(&'a [u8]),
}

impl<'a> Choices<'a> {
    pub fn seeded(seed: u64, off: &'a [Label]) -> Self {
        Self { source: Source::Seed { seed, drawn: Vec::new() }, off, used: Vec::new() }
    }

    pub fn bytes(bytes: &'a [u8]) -> Self {
        Self { source: Source::Bytes(bytes), off: &[], used: Vec::new() }
    }

    /// Chooses a spelling. A case from a seed uses few, many or all of them.
    pub fn axis<A: Axis>(&mut self) -> A {
        self.choose(true)
    }

    /// Chooses a part of the answer itself.
    pub fn part<A: Axis>(&mut self) -> A {
        self.choose(false)
    }

    fn choose<A: Axis>(&mut self, sparse: bool) -> A {
        let at = self.below(A::NAME, A::ALL.len());
        let (chosen, name) = A::ALL[at];
        let label = (A::NAME, name);
        if at == 0 || self.off.contains(&label) || (sparse && !self.is_active(label)) {
            return A::ALL[0].0;
        }
        if !self.used.contains(&label) {
            self.used.push(label);
        }
        chosen
    }

    /// With few spellings at once, one that fails is not hidden by another.
    fn is_active(&self, label: Label) -> bool {
        let Source::Seed { seed, .. } = self.source else { return true };
        let percent = [4, 12, 40, 100][(mix(seed) % 4) as usize];
        mix(seed ^ hash(label.0) ^ hash(label.1).rotate_left(17)) % 100 < percent
    }

    /// Draws a number below `n`.
    pub fn below(&mut self, what: &'static str, n: usize) -> usize {
        assert!((1..=256).contains(&n), "{what}: a byte cannot choose one of {n}");
        let drawn = match &mut self.source {
            Source::Seed { seed, drawn } => {
                let at = drawn.iter().position(|(name, _)| *name == what).unwrap_or_else(|| {
                    drawn.push((what, 0));
                    drawn.len() - 1
                });
                drawn[at].1 += 1;
                mix(*seed ^ hash(what) ^ (drawn[at].1 << 48))
            }
            Source::Bytes(bytes) => bytes.split_off_first().copied().unwrap_or(0).into(),
        };
        (drawn % n as u64) as usize
    }

    /// Returns random numbers for details that are no axis of their own.
    pub fn random(&mut self, what: &'static str) -> Random {
        let (high, low) = (self.below(what, 256), self.below(what, 256));
        Random(mix((high << 8 | low) as u64))
    }

    /// Returns the choices other than the plain ones.
    pub fn used(&self) -> &[Label] {
        &self.used
    }
}

/// Random numbers.
#[derive(Debug, Clone)]
pub struct Random(u64);

impl Random {
    pub fn below(&mut self, n: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        (mix(self.0) % n as u64) as usize
    }

    pub fn one_in(&mut self, n: usize) -> bool {
        self.below(n) == 0
    }
}

/// The finalizer of SplitMix64.
fn mix(mut z: u64) -> u64 {
    z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    z ^ (z >> 31)
}

/// FNV-1a.
fn hash(text: &str) -> u64 {
    text.bytes().fold(0xCBF2_9CE4_8422_2325, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01B3)
    })
}
