//! The one object that kubectl sends as protobuf: a certificate request with its approval.
//!
//! Field numbers are those of k8s.io/api/certificates/v1 and k8s.io/apimachinery. Absent: writing protobuf, and reading
//! any other object: for those, kubectl sends JSON.

use serde_json::{Value, json};

/// What stands before every object.
const MAGIC: &[u8] = b"k8s\0";

/// Name, resourceVersion and conditions of a certificate request.
pub(super) fn approval(body: &[u8]) -> Option<Value> {
    let envelope = Fields(body.strip_prefix(MAGIC)?);
    let request = Fields(envelope.bytes(2)?);
    let metadata = Fields(request.bytes(1)?);
    let status = Fields(request.bytes(3)?);
    let conditions: Option<Vec<Value>> = status.all(1)?.into_iter().map(condition).collect();
    Some(json!({
        "metadata": {"name": metadata.text(1)?, "resourceVersion": metadata.text(6).unwrap_or_default()},
        "status": {"conditions": conditions?},
    }))
}

fn condition(bytes: &[u8]) -> Option<Value> {
    let fields = Fields(bytes);
    Some(json!({
        "type": fields.text(1)?,
        "reason": fields.text(2)?,
        "message": fields.text(3)?,
        "status": fields.text(6)?,
        "lastUpdateTime": crate::wire::moment::seconds(),
    }))
}

/// A message: its fields, not decoded yet.
#[derive(Clone, Copy)]
struct Fields<'a>(&'a [u8]);

impl<'a> Fields<'a> {
    /// The values of a field that has a length; `None` when the message is broken.
    fn all(self, number: u64) -> Option<Vec<&'a [u8]>> {
        let (mut rest, mut found) = (self.0, Vec::new());
        while !rest.is_empty() {
            let key = varint(&mut rest)?;
            let length = match key & 7 {
                0 => {
                    varint(&mut rest)?;
                    continue;
                }
                1 => 8,
                2 => usize::try_from(varint(&mut rest)?).ok()?,
                5 => 4,
                _groups => return None,
            };
            let value = rest.get(..length)?;
            rest = &rest[length..];
            if key == number << 3 | 2 {
                found.push(value);
            }
        }
        Some(found)
    }

    fn bytes(self, number: u64) -> Option<&'a [u8]> {
        self.all(number)?.last().copied()
    }

    fn text(self, number: u64) -> Option<&'a str> {
        std::str::from_utf8(self.bytes(number)?).ok()
    }
}

fn varint(rest: &mut &[u8]) -> Option<u64> {
    let mut value = 0;
    for shift in (0..64).step_by(7) {
        let (first, after) = rest.split_first()?;
        *rest = after;
        value |= u64::from(first & 0x7f) << shift;
        if first & 0x80 == 0 {
            return Some(value);
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::approval;

    fn field(number: u8, value: &[u8]) -> Vec<u8> {
        let length = u8::try_from(value.len()).expect("a short value");
        [&[number << 3 | 2, length], value].concat()
    }

    #[test]
    fn an_approval_is_read_and_a_cut_one_is_not() {
        let condition = [
            field(1, b"Approved"),
            field(2, b"R"),
            field(3, b"M"),
            field(4, &[8, 200, 1]),
            field(6, b"True"),
        ];
        let status = field(1, &condition.concat());
        let metadata = [field(1, b"csr-1"), field(6, b"42")].concat();
        let request = [field(1, &metadata), field(3, &status)].concat();
        let body = [b"k8s\0".to_vec(), field(1, b""), field(2, &request)].concat();
        let read = approval(&body).expect("an approval");
        assert_eq!(read["metadata"]["resourceVersion"], "42");
        assert_eq!(read["status"]["conditions"][0]["type"], "Approved");
        assert_eq!(read["status"]["conditions"][0]["status"], "True");
        assert_eq!(approval(&body[..body.len() - 3]), None);
        assert_eq!(approval(b"{}"), None);
    }
}
