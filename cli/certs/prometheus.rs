//! The survey as text for Prometheus' textfile collector, under the names that dashboards of x509-certificate-exporter
//! know (<https://github.com/enix/x509-certificate-exporter>), with the label `host` beside theirs.
//!
//! Invariant: no two samples of a metric have the same labels; the collector would refuse the whole file.

use std::collections::BTreeSet;
use std::fmt::Write as _;

use certwright_steps::certs::{Row, Severity};
use certwright_steps::pki::Certificate;

use super::Survey;

/// All of it.
pub(crate) fn text(survey: &Survey) -> String {
    let mut seen = BTreeSet::new();
    let rows: Vec<(String, &Certificate)> = survey
        .rows()
        .filter_map(|row| row.certificate.as_ref().ok().map(|own| (labels(row, own), own)))
        .filter(|(labels, _)| seen.insert(labels.clone()))
        .collect();
    let mut out = String::new();
    let mut per_certificate = |name: &str, help: &str, value: &dyn Fn(&Certificate) -> i64| {
        let _infallible = writeln!(out, "# HELP {name} {help}\n# TYPE {name} gauge");
        for (labels, own) in &rows {
            let _infallible = writeln!(out, "{name}{{{labels}}} {}", value(own));
        }
    };
    per_certificate("x509_cert_not_before", "NotBefore, seconds since 1970.", &|own| own.not_before);
    per_certificate("x509_cert_not_after", "NotAfter, seconds since 1970.", &|own| own.not_after);
    per_certificate("x509_cert_expired", "1 when NotAfter has passed.", &|own| {
        i64::from(own.is_expired(survey.now))
    });
    let unread = survey.rows().filter(|row| row.certificate.is_err()).count() + survey.failed().count();
    let _infallible = writeln!(
        out,
        "# HELP x509_read_errors Files and hosts that could not be read.\n# TYPE x509_read_errors gauge\nx509_read_errors \
         {unread}"
    );
    out.push_str(
        "# HELP certwright_host_up 1 when the host could be looked at.\n# TYPE certwright_host_up gauge\n",
    );
    for report in &survey.reports {
        let up = u8::from(report.error.is_none());
        let _infallible = writeln!(out, "certwright_host_up{{host=\"{}\"}} {up}", escaped(&report.host));
    }
    out.push_str(
        "# HELP certwright_findings What is to be said of certificates.\n# TYPE certwright_findings gauge\n",
    );
    for severity in [Severity::Expired, Severity::Warn, Severity::Note] {
        let count = survey.findings.iter().filter(|finding| finding.severity == severity).count();
        let _infallible = writeln!(out, "certwright_findings{{severity=\"{}\"}} {count}", severity.word());
    }
    let _infallible = writeln!(
        out,
        "# HELP certwright_looked_timestamp_seconds When it was looked.\n# TYPE certwright_looked_timestamp_seconds \
         gauge\ncertwright_looked_timestamp_seconds {}",
        survey.now
    );
    out
}

/// The labels of a row, as that exporter has them for files and kubeconfigs.
fn labels(row: &Row, own: &Certificate) -> String {
    let filename = row.path.rsplit('/').next().unwrap_or_default();
    let organization = own.organizations.join(",");
    let issuer = common_name(&own.issuer);
    let serial = decimal(&own.serial);
    let mut labels = vec![
        ("host", row.host.as_str()),
        ("certificate", row.name.as_str()),
        ("filename", filename),
        ("filepath", row.path.as_str()),
        ("serial_number", serial.as_str()),
        ("subject_CN", own.common_name.as_str()),
        ("subject_O", organization.as_str()),
        ("issuer_CN", issuer),
    ];
    if let Some(user) = &row.user {
        labels.extend([("embedded_kind", "user"), ("embedded_key", user.as_str())]);
    }
    let one = |(name, value): (&str, &str)| format!("{name}=\"{}\"", escaped(value));
    labels.into_iter().filter(|(_, value)| !value.is_empty()).map(one).collect::<Vec<_>>().join(",")
}

/// The first CN of a name as it is shown (`O=x, CN=kubernetes`).
fn common_name(name: &str) -> &str {
    name.split(", ").find_map(|part| part.strip_prefix("CN=")).unwrap_or_default()
}

fn escaped(value: &str) -> String {
    value.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n")
}

/// A serial number in hex as the decimal number that dashboards show.
fn decimal(hex: &str) -> String {
    // Least significant first.
    let mut digits = vec![0u32];
    for nibble in hex.chars().filter_map(|c| c.to_digit(16)) {
        let mut carry = nibble;
        for digit in &mut digits {
            let value = *digit * 16 + carry;
            *digit = value % 10;
            carry = value / 10;
        }
        while carry > 0 {
            digits.push(carry % 10);
            carry /= 10;
        }
    }
    digits.iter().rev().filter_map(|digit| char::from_digit(*digit, 10)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_serial_number_is_decimal_and_a_label_cannot_be_left() {
        for (hex, shown) in
            [("", "0"), ("0", "0"), ("ff", "255"), ("0123456789abcdef0123", "5373003642731685151011")]
        {
            assert_eq!(decimal(hex), shown);
        }
        assert_eq!(escaped("a\"} 1\n\\"), "a\\\"} 1\\n\\\\");
        assert_eq!(common_name("O=system:masters, CN=kubernetes, CN=second"), "kubernetes");
    }
}
