//! Requests as the wire sees them: where one ends, what it asks, whose attempt it carries.

/// What a line is used for at some moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Job {
    /// Nothing yet: the worker says that it is ready.
    Start,
    Reads,
    Mutates,
    Settle,
}

/// One request, as far as its bytes have come.
#[derive(Default)]
pub(crate) struct Frame {
    pub(crate) text: Vec<u8>,
    /// Found once: a frame may come byte by byte.
    total: Option<usize>,
    attempt: Option<usize>,
}

impl Frame {
    fn head(&self) -> Option<(&str, &[u8])> {
        let end = self.text.iter().position(|&byte| byte == b'\n')?;
        let head = std::str::from_utf8(&self.text[..end]).expect("a header is ASCII");
        Some((head, &self.text[end + 1..]))
    }

    /// The nonce of its header.
    pub(crate) fn nonce(&self) -> Option<&str> {
        self.head()?.0.split(' ').next()
    }

    /// What it asks, known two bytes behind the header.
    pub(crate) fn job(&self) -> Option<Job> {
        match self.head()?.1.get(1)? {
            b'r' => Some(Job::Reads),
            b'm' => Some(Job::Mutates),
            b's' => Some(Job::Settle),
            other => panic!("the client asks for something new: {other}"),
        }
    }

    /// Takes more of it.
    pub(crate) fn extend(&mut self, bytes: &[u8]) {
        self.text.extend_from_slice(bytes);
        self.total = self.total.or_else(|| self.measure());
        if self.total.is_none_or(|total| total > self.text.len()) && !bytes.contains(&b'-') {
            return;
        }
        self.attempt = self.attempt.or_else(|| self.find_attempt());
    }

    /// Its length, bytes, once all of its lines have come.
    pub(crate) fn total(&self) -> Option<usize> {
        self.total
    }

    /// The attempt whose command it carries.
    pub(crate) fn attempt(&self) -> Option<usize> {
        self.attempt
    }

    fn measure(&self) -> Option<usize> {
        let (head, rest) = self.head()?;
        let mut words = head.split(' ').skip(1);
        let lines: usize = words.next()?.parse().ok()?;
        let input: usize =
            words.next().filter(|&word| word != "-").map_or(0, |n| n.parse().expect("a length"));
        let mut ends = rest.iter().enumerate().filter(|(_, byte)| **byte == b'\n');
        let (last, _) = ends.nth(lines - 1)?;
        Some(head.len() + 1 + last + 1 + input)
    }

    /// The number in `att-N-`.
    fn find_attempt(&self) -> Option<usize> {
        let text = String::from_utf8_lossy(&self.text);
        text.split_once("att-")?.1.split_once('-')?.0.parse().ok()
    }
}
