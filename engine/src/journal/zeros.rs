//! Written space that holds nothing yet: the zeros behind the last record.

const BLOCK: usize = 4096;
const ZEROS: [u8; BLOCK] = [0; BLOCK];

/// How many zeros `bytes` begins with.
pub(super) fn leading(bytes: &[u8]) -> usize {
    // Whole blocks are compared at once: this passes over the reserve of every journal that is opened.
    let blocks = bytes.chunks_exact(BLOCK).take_while(|block| *block == ZEROS).count() * BLOCK;
    blocks + bytes[blocks..].iter().take_while(|b| **b == 0).count()
}

/// `bytes` without the zeros it ends with.
pub(super) fn trim_end(bytes: &[u8]) -> &[u8] {
    let blocks = bytes.rchunks_exact(BLOCK).take_while(|block| *block == ZEROS).count() * BLOCK;
    let bytes = &bytes[..bytes.len() - blocks];
    &bytes[..bytes.iter().rposition(|b| *b != 0).map_or(0, |last| last + 1)]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn zeros_are_counted_from_both_ends_across_blocks() {
        for (before, after) in [(0, 0), (1, 4096), (4095, 1), (4096, 4097), (9000, 8192)] {
            let bytes = [vec![0; before], vec![1, 0, 2], vec![0; after]].concat();
            assert_eq!(leading(&bytes), before);
            assert_eq!(trim_end(&bytes).len(), before + 3);
        }
        assert_eq!((leading(&[0; 5000]), trim_end(&[0; 5000]).len()), (5000, 0));
        assert_eq!((leading(&[]), trim_end(&[]).len()), (0, 0));
    }
}
