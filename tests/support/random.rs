//! A small seeded random number generator (SplitMix64).

pub struct Random(u64);

#[allow(dead_code, reason = "no test uses all of it")]
impl Random {
    pub fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// Returns a number below `end`, which must not be 0.
    pub fn below(&mut self, end: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        ((mixed ^ (mixed >> 31)) % end as u64) as usize
    }

    pub fn pick<'a, T>(&mut self, from: &'a [T]) -> &'a T {
        &from[self.below(from.len())]
    }

    /// Splits `bytes` into reads of random lengths, some of them empty.
    pub fn cut<'a>(&mut self, mut bytes: &'a [u8]) -> Vec<&'a [u8]> {
        let mut reads = Vec::new();
        let most = 1 + self.below(1 + bytes.len());
        while !bytes.is_empty() {
            let (read, rest) = bytes.split_at(self.below(most + 1).min(bytes.len()));
            reads.push(read);
            bytes = rest;
        }
        reads
    }
}
