//! What runs on a node: the certificate that each port serves, and since when each component has run.

use certwright_engine::host::Host;
use certwright_engine::host::dial::Dial;
use certwright_engine::plan::ErrorClass;
use certwright_engine::step::{StepError, host_error};
use certwright_engine::text::line;

use super::node::Report;
use super::row::{Running, Served};
use crate::kinds::{dial, ports};
use crate::pki::{Component, Digest};
use crate::tools::collect::Collected;
use crate::tools::crictl::{self, Crictl, Which};
use crate::tools::kubelet::{CONFIG, FLAGS, INSTANCE, KubeletConfig, runtime_endpoint};
use crate::tools::wanted::Configuration;

/// Asks the ports of the rows and the runtime; what does not answer is a word in its place. Only a lost line is an error.
pub(super) async fn ask(
    host: &dyn Host,
    collected: &Collected,
    report: &mut Report,
) -> Result<(), StepError> {
    let configuration = &collected.configuration;
    let pods =
        configuration.pods.iter().filter_map(|(component, pod)| Some((*component, pod.as_ref().ok()?)));
    let ports: Vec<_> = pods.flat_map(|(component, pod)| ports(component, pod)).collect();
    for port in ports {
        let answer = match dial(host, &Dial::certificate(port.endpoint.clone())).await {
            Ok(answer) => answer.map_err(|error| error.to_string()),
            Err(error) => Err(tolerable(error)?),
        };
        let served = answer.and_then(|served| {
            served
                .chain
                .first()
                .map(|leaf| Digest::of(leaf))
                .ok_or_else(|| "it shows no certificate".to_owned())
        });
        // The file's first certificate is the one that is served.
        let file = line(&port.file);
        if let Some(row) = report.rows.iter_mut().find(|row| row.path == file) {
            row.served.push(Served { at: port.endpoint, fingerprint: served });
        }
    }
    components(host, collected, configuration, report).await
}

/// The words of an error that does not speak of the line.
fn tolerable(error: StepError) -> Result<String, StepError> {
    match error.class {
        ErrorClass::Unknown | ErrorClass::Denied => Err(error),
        ErrorClass::DeadlineExceeded
        | ErrorClass::Unavailable
        | ErrorClass::Refused
        | ErrorClass::Invalid
        | ErrorClass::Unsatisfied => Ok(error.message),
    }
}

async fn components(
    host: &dyn Host,
    collected: &Collected,
    configuration: &Configuration,
    report: &mut Report,
) -> Result<(), StepError> {
    let text = |path: &str| collected.texts.get(path).map(Vec::as_slice);
    let config = text(configuration.flags.config()).or(text(CONFIG));
    let config = config.and_then(|yaml| KubeletConfig::parse(yaml).ok());
    let endpoint = runtime_endpoint(config.as_ref(), text(FLAGS), text(INSTANCE));
    let command = Crictl::new(endpoint).ps(Which::All);
    let output = match host.run(&command).await {
        Ok(output) => output,
        Err(error) => {
            let words = tolerable(host_error(&error, Some(&command)))?;
            report.trouble(&format!("what runs is not known: {words}"));
            return Ok(());
        }
    };
    let containers = if output.success() {
        crictl::parse_containers(&output).map_err(|error| error.to_string())
    } else {
        Err(crictl::step_error(host.name(), &command, &output).message)
    };
    let containers = match containers {
        Ok(containers) => containers,
        Err(why) => {
            report.trouble(&format!("what runs is not known: {why}"));
            return Ok(());
        }
    };
    for component in Component::ALL.into_iter().filter(|component| configuration.pod(*component).is_some()) {
        let since_ns = crictl::running(&containers, component.name()).map(|container| container.created_ns);
        let is_newer = |written: i128| since_ns.is_some_and(|since| since <= written);
        let read = report.rows.iter().filter(|row| row.readers.contains(&component));
        let mut newer: Vec<String> =
            read.filter(|row| row.written_ns.is_some_and(is_newer)).map(|row| row.path.clone()).collect();
        newer.sort();
        newer.dedup();
        report.running.push(Running { component, since_ns, newer });
    }
    Ok(())
}
