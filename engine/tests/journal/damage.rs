//! Interrupted writes are cut off, damage to what was acknowledged is refused: exhaustively.
#![expect(clippy::print_stdout, reason = "a suite says how many cases it ran")]

use std::path::Path;

use certwright_engine::journal::{Journal, JournalError};

use crate::memory::Disk;
use crate::sample::{self, RUN, Written, batch, read};

/// The line of a refusal; anything else is a failure of the test.
fn refused_line(error: &JournalError) -> u64 {
    match error {
        JournalError::Damaged { line, .. } => *line,
        other => panic!("not a refusal of damage: {other}"),
    }
}

/// Goes on after what was read of `bytes` and reads all of it again.
fn goes_on(bytes: &[u8], read: &sample::Read) {
    let end = read.position;
    let kept: usize = read.records.len();
    let disk = Disk::holding(&bytes[..offset_of(bytes, kept)]);
    let mut journal = Journal::resume(Box::new(disk.clone()), Path::new("journal"), RUN, end, 0);
    let more = batch(end.seq(), end.batch() + 1, 3);
    journal.append(&more).unwrap();
    let again = sample::read(&disk.durable()).unwrap();
    assert!(again.tail.is_none());
    assert_eq!(again.records, [read.records.as_slice(), &more].concat());
}

/// Bytes of the first `lines` lines.
fn offset_of(bytes: &[u8], lines: usize) -> usize {
    bytes.split_inclusive(|b| *b == b'\n').take(lines).map(<[u8]>::len).sum()
}

/// The line that a byte belongs to, counting from 1.
fn line_at(bytes: &[u8], at: usize) -> u64 {
    bytes[..at].split(|b| *b == b'\n').count() as u64
}

#[test]
fn a_journal_cut_at_any_byte_keeps_its_whole_batches_and_goes_on() {
    let written = Written::new(&[1, 4, 2, 7, 1, 3]);
    let ends = written.ends();
    let mut cases = 0;
    for length in 0..=written.disk().len().min(ends[6] + 600) {
        let bytes = &written.disk()[..length];
        let whole = ends.iter().filter(|end| **end <= length).count();
        if whole == 0 {
            assert_eq!(refused_line(&read(bytes).err().unwrap()), 1, "cut at {length}");
        } else {
            let read = read(bytes).unwrap_or_else(|e| panic!("cut at {length}: {e}"));
            assert_eq!(read.records, written.first_batches(whole), "cut at {length}");
            let at_an_end = length >= ends[6] || ends.contains(&length);
            assert_eq!(read.tail.is_none(), at_an_end, "cut at {length}");
            goes_on(bytes, &read);
        }
        cases += 1;
    }
    println!("{cases} cuts");
    assert!(cases > 3_000);
}

#[test]
fn a_flipped_bit_is_refused_with_its_line_or_costs_the_last_batch_only() {
    let written = Written::new(&[1, 4, 2, 1, 3]);
    let ends = written.ends();
    let (last_end, last_start) = (ends[5], ends[4]);
    let mut bytes = written.disk()[..last_end + 64].to_vec();
    let (mut refused, mut cut) = (0, 0);
    for at in 0..bytes.len() {
        let line = line_at(written.disk(), at);
        for bit in 0..8 {
            bytes[at] ^= 1 << bit;
            match read(&bytes) {
                Err(error) => {
                    assert_eq!(refused_line(&error), line, "bit {bit} of byte {at}: {error}");
                    // A flip inside the last batch that fakes a later one may be refused too: it is safe.
                    refused += 1;
                }
                Ok(read) => {
                    let kept = if at >= last_end { 6 } else { 5 };
                    assert!(at >= last_start, "bit {bit} of byte {at} of an acknowledged batch went unseen");
                    assert_eq!(read.records, written.first_batches(kept), "bit {bit} of byte {at}");
                    assert!(read.tail.is_some_and(|t| t.why.contains(&format!("line {line} "))), "byte {at}");
                    cut += 1;
                }
            }
            bytes[at] ^= 1 << bit;
        }
    }
    println!("{} flips: {refused} refused, {cut} cut", refused + cut);
    assert!(refused >= 8 * last_start && cut >= 8 * 64, "both ends were reached");
}

#[test]
fn a_flipped_line_feed_does_not_hide_the_later_batch_behind_it() {
    // The hardest case: one record a batch, the damage just before the last one.
    let written = Written::new(&[1, 1, 1]);
    let end = written.ends()[2];
    let mut bytes = written.disk().to_vec();
    bytes[end - 1] = b' ';
    let error = read(&bytes).err().unwrap().to_string();
    assert_eq!(
        error,
        "journal `journal` line 3 is not ended by a line feed: the records after it cannot be trusted; keep \
         the file, and start a new run, which looks first and repeats nothing that is done"
    );
}

/// Loses every combination of the last batch's pages; what was there before it is there again.
fn lose_pages(page: usize, sizes: &[u64]) -> usize {
    let written = Written::new(sizes);
    let (before, after) = (&written.disks[sizes.len() - 1], written.disk());
    let ends = written.ends();
    let (start, end) = (ends[sizes.len() - 1], ends[sizes.len()]);
    let (first, last) = (start / page, (end - 1) / page);
    let pages = last - first + 1;
    assert!((3..=12).contains(&pages), "{pages} pages of {page} bytes");
    for lost in 0_usize..1 << pages {
        let mut bytes = after.to_vec();
        for i in (0..pages).filter(|i| lost >> i & 1 == 1) {
            let from = (first + i) * page;
            let to = (from + page).min(bytes.len());
            for (at, byte) in bytes.iter_mut().enumerate().take(to).skip(from) {
                *byte = before.get(at).copied().unwrap_or(0);
            }
        }
        let read = read(&bytes).unwrap_or_else(|e| panic!("pages {lost:b} lost: {e}"));
        let kept = if lost == 0 { sizes.len() + 1 } else { sizes.len() };
        assert_eq!(read.records, written.first_batches(kept), "pages {lost:b} lost");
        goes_on(&bytes, &read);
    }
    1 << pages
}

#[test]
fn an_unacknowledged_batch_that_lost_any_of_its_pages_is_cut_whole() {
    let mut cases = 0;
    for page in [512, 4096] {
        // Into written space; from the first page on; and past its end.
        let (long, longest) = (page as u64 / 64, page as u64 / 22);
        cases += lose_pages(page, &[1, 3, longest]);
        cases += lose_pages(page, &[longest]);
        cases += lose_pages(page, &[1, 1_900, long]);
    }
    println!("{cases} combinations of lost pages");
}

#[test]
fn a_lost_page_of_acknowledged_batches_is_never_read_past() {
    let written = Written::new(&[3, 5, 2, 9, 4, 6, 30]);
    let ends = written.ends();
    let (acknowledged, all) = (ends[6], written.first_batches(8));
    let mut cases = 0;
    for page in [64, 512, 1024] {
        for from in (0..acknowledged).step_by(page) {
            for filler in [0, 0xff, b'\n', b'7'] {
                let mut bytes = written.disk().to_vec();
                bytes[from..from + page].fill(filler);
                // 30 records follow in the last batch, so there is always a later one to be seen.
                let line = refused_line(&read(&bytes).err().expect("a refusal"));
                let at_line = line_at(written.disk(), from);
                assert!(line == at_line || line == at_line + 1, "line {line}, page at line {at_line}");
                assert!(line <= all.len() as u64);
                cases += 1;
            }
        }
    }
    println!("{cases} lost pages");
}
