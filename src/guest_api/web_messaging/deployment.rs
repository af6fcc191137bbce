//! A deployment's public configuration: is it there, is it on, and must its guests sign in?

use std::sync::Arc;
use std::time::Duration;

use http::Method;
use url::Url;

use crate::caller::CallContext;
use crate::error::{Code, Error};
use crate::guest_api::Channel;
use crate::json::Members;
use crate::net::exchange::Exchange;
use crate::net::operation::{BodyStyle, ConnectionPool, Operation, RetrySafety, no_other_throttle};
use crate::net::retry::{SendOptions, Sender};

const CHECK: Operation = Operation {
    label: "Deployment check",
    option: "environment or cdnUrl",
    retry: RetrySafety::Repeatable,
    limit: None,
    pool: ConnectionPool::new(0),
    body: BodyStyle::Text,
    is_throttle: no_other_throttle,
};

/// Reads deployments' configuration.
pub(super) struct Deployments {
    pub(super) sender: Arc<Sender>,
    /// With a path prefix if there is one.
    pub(super) cdn: Url,
    pub(super) timeout: Duration,
}

impl Deployments {
    pub(super) async fn find(&self, deployment_id: &str, context: &CallContext) -> Result<Channel, Error> {
        let prefix = self.cdn.path().trim_end_matches('/');
        let mut url = self.cdn.clone();
        url.set_path(&format!("{prefix}/webdeployments/v1/deployments/{deployment_id}/config.json"));
        let options = SendOptions { operation: &CHECK, timeout: self.timeout, deadline: context.deadline };
        match self.sender.send(options, || Exchange::new(Method::GET, url.clone())).await {
            Ok((answer, _)) => Ok(read(&answer.text())),
            // An object store answers 403 for what it does not have.
            Err(failure) if matches!(failure.status(), Some(403 | 404)) => Ok(Channel::Unavailable),
            Err(failure) => {
                Err(failure.into_error(Code::GuestCreationFailed, &[]).with_request_id(&context.request_id))
            }
        }
    }
}

fn read(config: &str) -> Channel {
    let Some(config) = Members::parse(config) else { return Channel::Unavailable };
    if !config.string("status").is_some_and(|status| status.eq_ignore_ascii_case("active")) {
        return Channel::Unavailable;
    }
    let auth = config.get("auth").and_then(|auth| Members::parse(auth.get()));
    let is_set = |name| auth.as_ref().and_then(|auth| auth.get(name)).is_some_and(|value| value.get() == "true");
    if is_set("enabled") && !is_set("allowSessionUpgrade") { Channel::SignedIn } else { Channel::Open }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_deployment_is_open_only_when_it_says_so() {
        for (config, channel) in [
            (r#"{"status":"Active"}"#, Channel::Open),
            (r#"{"status":"Active","auth":{"enabled":false}}"#, Channel::Open),
            (r#"{"status":"Active","auth":{"enabled":true,"allowSessionUpgrade":true}}"#, Channel::Open),
            (r#"{"status":"Active","auth":{"enabled":true}}"#, Channel::SignedIn),
            (r#"{"status":"Inactive","auth":{"enabled":true}}"#, Channel::Unavailable),
            (r#"{"auth":{}}"#, Channel::Unavailable),
            ("<html>", Channel::Unavailable),
        ] {
            assert_eq!(read(config), channel, "{config}");
        }
    }
}
