//! Where reader and OpenSSL are known to differ, and why.

/// A difference that is known.
pub(crate) struct Known {
    /// What the name of the file holds.
    pub(crate) file: &'static str,
    /// What the difference begins with, and holds further on.
    pub(crate) holds: &'static [&'static str],
    /// Why it is one.
    pub(crate) reason: &'static str,
}

impl Known {
    /// Whether it is this difference.
    pub(crate) fn is(&self, file: &str, difference: &str) -> bool {
        file.contains(self.file) && self.holds.iter().all(|part| difference.contains(part))
    }
}

/// Of Debian's ca-certificates.
pub(crate) fn of_debian() -> &'static [Known] {
    &[]
}

/// Of PyPI's cryptography-vectors.
pub(crate) fn of_vectors() -> &'static [Known] {
    const fn known(file: &'static str, holds: &'static [&'static str], reason: &'static str) -> Known {
        Known { file, holds, reason }
    }
    const {
        &[
            known(
                "badasn1time.pem",
                &["refused: is not an X.509 certificate", "InvalidDate"],
                "a date without seconds: RFC 5280 wants them, OpenSSL does without",
            ),
            known(
                "invalid_utf8_common_name.pem",
                &["refused: we read it"],
                "OpenSSL reads it and does not print a name that is not UTF-8; here its bytes are shown in hex",
            ),
            known(
                "name_attribute_unsupported_tag.pem",
                &["refused: we read it"],
                "OpenSSL reads it and does not print a name of that string type; here its bytes are shown in hex",
            ),
            known(
                "empty-eku.pem",
                &["usages:  | "],
                "an extension of no usages, which RFC 5280 forbids: OpenSSL prints its bytes, here there are none",
            ),
            known(
                "malformed-san.pem",
                &["sans: OtherName(2.5.4.3, [...])"],
                "a SAN that is a name of another kind: OpenSSL prints the bytes of the extension",
            ),
            known(
                "ascii-san.pem",
                &["sans: OtherName(1.3.6.1.5.5.7.8.9, [...])"],
                "the value of an otherName is not shown: no host is reached by one",
            ),
            known(
                "san_other_name.pem",
                &["sans: OtherName(1.2.3.4, [...])"],
                "the value of an otherName is not shown: no host is reached by one",
            ),
            known(
                "san_edipartyname.der",
                &["sans: EDIPartyName(<unparsed>)"],
                "neither reads it; OpenSSL prints the bytes of the extension",
            ),
            known(
                "san_x400address.der",
                &["sans: X400Address(<unparsed>) | X400Name:<unsupported>"],
                "neither reads it, and each says so in its own words",
            ),
            known(
                "scottishpower-bitstring-dn.pem",
                &["subject: ", "uniqueIdentifier=0070B3D51F305F0001"],
                "an attribute that is a BIT STRING: OpenSSL writes its bytes as text, here they are shown in hex",
            ),
            known(
                "unique_identifier.pem",
                &["subject: ", "uniqueIdentifier=0070B3D51F305F0001"],
                "an attribute that is a BIT STRING: OpenSSL writes its bytes as text, here they are shown in hex",
            ),
        ]
    }
}
