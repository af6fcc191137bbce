//! The program's command line.

use std::str::FromStr;

use sandbox::{Deployment, Limit, Options, Route, UnknownRoute};

/// What `--help` prints.
pub(crate) const HELP: &str = "\
Genesys Cloud, a CRM and an analytics webhook on loopback.

Usage: sandbox [options]

  --port N                     port on 127.0.0.1; 0, the default, for a free one
  --tls                        speak TLS; the certificate authority is in the printed line
  --threads N                  threads that serve connections (1)
  --limit [route=]RATE,BURST   requests a second and at once; the route is `create` by default
  --latency [route=]MS         how late answers are; all routes by default
  --client-id ID               the only client id that is accepted
  --client-secret SECRET       the only client secret that is accepted
  --environment NAME           part of the default signing key, instead of the origin
  --signing-key KEY            the key of guest tokens
  --expires-in SECONDS         life of a guest (3600)
  --token-lifetime SECONDS     life of an access token (86400)
  --deployment ID[,auth][,upgrade][,domains=A+B]
                               a deployment of web messaging: guests sign in; they may begin anonymously; the domains it
                               is open to. Without one, every UUID is a deployment that is open to everybody
  --no-conflicts               allow a second live guest for the same e-mail and channel
  --no-log                     count requests, but do not log them
  --log-capacity N             requests kept in the log
  --exit-with-stdin            stop when standard input is closed
  --help                       print this
";

/// What the command line asks for.
pub(crate) enum Command {
    Run { options: Box<Options>, exit_with_stdin: bool },
    Help,
}

/// What is wrong with the command line.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Invalid {
    #[error("{0} needs a value")]
    NoValue(String),
    #[error("there is no option {0}")]
    UnknownOption(String),
    #[error("{name} cannot be {text:?}")]
    Value { name: String, text: String },
    #[error(transparent)]
    Route(#[from] UnknownRoute),
    #[error("{0} needs a rate of at least 0 and a burst of at least 1")]
    Limit(String),
}

/// Reads the command line.
pub(crate) fn read(arguments: impl Iterator<Item = String>) -> Result<Command, Invalid> {
    let mut options = Options::default();
    let mut exit_with_stdin = false;
    let mut rest = arguments.flat_map(split);
    while let Some(name) = rest.next() {
        let mut value = || rest.next().ok_or_else(|| Invalid::NoValue(name.clone()));
        let settings = &mut options.settings;
        match name.as_str() {
            "--port" => options.port = parse(&name, &value()?)?,
            "--tls" => options.tls = true,
            "--threads" => options.threads = parse(&name, &value()?)?,
            "--limit" => options.limits.push(limit(&name, &value()?)?),
            "--latency" => options.latency.push(latency(&name, &value()?)?),
            "--client-id" => settings.client_id = Some(value()?),
            "--client-secret" => settings.client_secret = Some(value()?),
            "--environment" => settings.environment = Some(value()?),
            "--signing-key" => settings.signing_key = Some(value()?),
            "--expires-in" => settings.expires_in = parse(&name, &value()?)?,
            "--token-lifetime" => settings.token_lifetime = parse(&name, &value()?)?,
            "--deployment" => options.deployments.push(deployment(&name, &value()?)?),
            "--no-conflicts" => settings.conflicts = false,
            "--no-log" => options.log = false,
            "--log-capacity" => options.log_capacity = parse(&name, &value()?)?,
            "--exit-with-stdin" => exit_with_stdin = true,
            "--help" | "-h" => return Ok(Command::Help),
            _ => return Err(Invalid::UnknownOption(name)),
        }
    }
    Ok(Command::Run { options: Box::new(options), exit_with_stdin })
}

/// `--name=value` is `--name value`. The value may have an equals sign of its own.
fn split(argument: String) -> Vec<String> {
    match argument.split_once('=') {
        Some((name, value)) if name.starts_with("--") => vec![name.into(), value.into()],
        _ => vec![argument],
    }
}

fn parse<T: FromStr>(name: &str, text: &str) -> Result<T, Invalid> {
    text.parse().map_err(|_| Invalid::Value { name: name.to_owned(), text: text.to_owned() })
}

/// `route=rest` or `rest`.
fn routed(text: &str) -> Result<(Option<Route>, &str), Invalid> {
    match text.split_once('=') {
        Some((route, rest)) => Ok((Some(route.parse()?), rest)),
        None => Ok((None, text)),
    }
}

fn limit(name: &str, text: &str) -> Result<Limit, Invalid> {
    let (route, figures) = routed(text)?;
    let (rate, burst) = figures.split_once(',').unwrap_or((figures, figures));
    let (rate, burst): (f64, f64) = (parse(name, rate)?, parse(name, burst)?);
    if !(rate >= 0.0 && burst >= 1.0) {
        return Err(Invalid::Limit(name.to_owned()));
    }
    Ok(Limit::new(route.unwrap_or(Route::Create), rate, burst))
}

fn latency(name: &str, text: &str) -> Result<(Option<Route>, f64), Invalid> {
    let (route, ms) = routed(text)?;
    Ok((route, parse(name, ms)?))
}

/// `ID[,auth][,upgrade][,domains=A+B]`. Only who signs in can upgrade.
fn deployment(name: &str, text: &str) -> Result<Deployment, Invalid> {
    let invalid = || Invalid::Value { name: name.to_owned(), text: text.to_owned() };
    let (id, words) = text.split_once(',').unwrap_or((text, ""));
    let mut deployment = Deployment::new(parse(name, id)?);
    for word in words.split(',').filter(|word| !word.is_empty()) {
        match word.split_once('=') {
            None if word == "auth" => deployment.auth = true,
            None if word == "upgrade" => deployment.upgrade = true,
            Some(("domains", domains)) => {
                deployment.domains =
                    Some(domains.split('+').filter(|domain| !domain.is_empty()).map(Into::into).collect());
            }
            _ => return Err(invalid()),
        }
    }
    if deployment.upgrade && !deployment.auth { Err(invalid()) } else { Ok(deployment) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn run(line: &str) -> Result<(Options, bool), String> {
        match read(line.split_whitespace().map(String::from)).map_err(|invalid| invalid.to_string())? {
            Command::Run { options, exit_with_stdin } => Ok((*options, exit_with_stdin)),
            Command::Help => Err("help".into()),
        }
    }

    #[test]
    fn reads_options() {
        let (options, exit) =
            run("--port 81 --limit 10,20 --limit=token=1 --signing-key=a=b --exit-with-stdin").unwrap();
        assert_eq!((options.port, exit), (81, true));
        assert_eq!(options.settings.signing_key.as_deref(), Some("a=b"));
        let limits: Vec<_> = options.limits.iter().map(|limit| (limit.route, limit.rate, limit.burst)).collect();
        assert_eq!(limits, [(Route::Create, 10.0, 20.0), (Route::Token, 1.0, 1.0)]);
        assert_eq!(run("--latency crm=5").unwrap().0.latency, [(Some(Route::Crm), 5.0)]);
    }

    #[test]
    fn reads_deployments() {
        let id = "6a1f0f5e-0000-4000-8000-000000000001";
        let line =
            format!("--deployment {id},auth,upgrade,domains=a.b+c.d --deployment={id},domains= --deployment {id}");
        let deployments = run(&line).unwrap().0.deployments;
        assert_eq!(deployments[0].domains, Some(vec!["a.b".into(), "c.d".into()]));
        assert!(deployments[0].auth && deployments[0].upgrade && !deployments[1].auth);
        assert_eq!((&deployments[1].domains, &deployments[2].domains), (&Some(Vec::new()), &None));
        for bad in ["x".into(), format!("{id},upgrade"), format!("{id},other"), format!("{id},auth=1")] {
            assert!(run(&format!("--deployment {bad}")).is_err(), "{bad}");
        }
    }

    #[test]
    fn says_what_is_wrong() {
        assert_eq!(run("--port").unwrap_err(), "--port needs a value");
        assert_eq!(run("--port x").unwrap_err(), "--port cannot be \"x\"");
        assert_eq!(run("--prot 1").unwrap_err(), "there is no option --prot");
        assert!(run("--limit tokens=1,1").unwrap_err().contains("tokens"));
    }
}
