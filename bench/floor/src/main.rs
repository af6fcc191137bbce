//! The floor: the exchanges of an authentication from a program without Node, with one bare reqwest client on one thread.
//! Nothing is validated, verified, guarded, paced or retried; of the answers only the guest's id is looked for. What the
//! package costs above this is its own.
//!
//! `floor <url> <load> <requests a guest: 3 or 4> <warm ms> <measure ms>` prints one line of JSON. The load is a number of calls
//! in flight, or `300/s`: calls that start evenly, whatever becomes of the ones before.

use std::cell::Cell;
use std::error::Error;
use std::rc::Rc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use http::header::{AUTHORIZATION, CONTENT_TYPE};
use http::{HeaderName, HeaderValue};
use reqwest::{Certificate, Client, Response};
use tokio::task::LocalSet;

type Outcome<T> = Result<T, Box<dyn Error>>;

const JSON: HeaderValue = HeaderValue::from_static("application/json");

/// What all callers share.
struct Floor {
    client: Client,
    url: String,
    bearer: HeaderValue,
    puts: bool,
    next: Cell<u64>,
    ended: Cell<u64>,
    running: Cell<bool>,
}

fn main() -> Outcome<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [url, load, requests, warm, measure] = &arguments[..] else {
        return Err("usage: floor <url> <in flight | calls/s> <3|4> <warm ms> <measure ms>".into());
    };
    let _ = rustls::crypto::ring::default_provider().install_default();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let (warm, measure) = (Duration::from_millis(warm.parse()?), Duration::from_millis(measure.parse()?));
    runtime.block_on(LocalSet::new().run_until(run(url, load, requests == "4", warm, measure)))
}

async fn run(url: &str, load: &str, puts: bool, warm: Duration, measure: Duration) -> Outcome<()> {
    // As the package does it: the system's certificates are not read for plain http.
    let trusted = match std::env::var("NODE_EXTRA_CA_CERTS") {
        Ok(file) if url.starts_with("https") => vec![Certificate::from_pem(&std::fs::read(file)?)?],
        _ => Vec::new(),
    };
    let client = Client::builder().redirect(reqwest::redirect::Policy::none()).tls_certs_only(trusted).build()?;
    let bearer = HeaderValue::from_str(&format!("Bearer {}", token(&client, url).await?))?;
    let floor = Rc::new(Floor {
        client,
        url: url.into(),
        bearer,
        puts,
        next: Cell::new(0),
        ended: Cell::new(0),
        running: Cell::new(true),
    });
    let callers = match load.strip_suffix("/s") {
        Some(per_second) => vec![tokio::task::spawn_local(Rc::clone(&floor).keep_pace(per_second.parse()?))],
        None => (0..load.parse()?).map(|_| tokio::task::spawn_local(Rc::clone(&floor).keep_going())).collect(),
    };
    tokio::time::sleep(warm).await;
    let (before, cpu, started) = (floor.ended.get(), cpu_micros()?, Instant::now());
    tokio::time::sleep(measure).await;
    let (calls, cpu, wall) = ((floor.ended.get() - before) as f64, cpu_micros()? - cpu, started.elapsed());
    floor.running.set(false);
    for caller in callers {
        caller.await?;
    }
    println!(
        "{{\"processUs\":{},\"perSecond\":{},\"busy\":{}}}",
        cpu / calls,
        calls / wall.as_secs_f64(),
        cpu / 1e6 / wall.as_secs_f64()
    );
    Ok(())
}

impl Floor {
    /// One call after another.
    async fn keep_going(self: Rc<Self>) {
        while self.running.get() {
            self.call().await;
        }
    }

    /// So many calls a second.
    async fn keep_pace(self: Rc<Self>, per_second: u32) {
        let mut ticks = tokio::time::interval(Duration::from_secs(1) / per_second);
        while self.running.get() {
            ticks.tick().await;
            let own = Rc::clone(&self);
            tokio::task::spawn_local(async move { own.call().await });
        }
    }

    async fn call(self: &Rc<Self>) {
        if let Err(error) = self.authenticate().await {
            eprintln!("{error}");
            std::process::exit(1);
        }
        self.ended.set(self.ended.get() + 1);
    }

    /// The exchanges of the package, in its order: guest and profile side by side, attributes where there is a profile,
    /// the webhook behind them.
    async fn authenticate(self: &Rc<Self>) -> Outcome<()> {
        let number = self.next.get();
        self.next.set(number + 1);
        let email =
            format!("{}.floor{}.{number}@example.com", if self.puts { "guest" } else { "nocrm" }, std::process::id());
        let (guest, profile) = tokio::try_join!(self.create(&email, number), self.profile(&email))?;
        let id = member(&guest, "guestId")?;
        if self.puts {
            self.put(id, &profile, number).await?;
        }
        let (own, event) = (
            Rc::clone(self),
            format!(
                "{{\"guestId\":\"{id}\",\"email\":\"{email}\",\"channelId\":\"web-chat-emea\",\"crmTier\":null,\"authLatencyMs\":105,\"timestamp\":\"2026-01-01T00:00:00.000Z\"}}"
            ),
        );
        tokio::task::spawn_local(async move { own.report(event).await.is_ok() });
        Ok(())
    }

    async fn create(&self, email: &str, number: u64) -> Outcome<Bytes> {
        let body = format!(
            "{{\"email\":\"{email}\",\"consent\":true,\"channelId\":\"web-chat-emea\",\"name\":\"Jane Q. Public\",\"attributes\":{}}}",
            attributes(number)
        );
        let request = self.client.post(format!("{}/api/v2/engagements/guests", self.url));
        read(self.authorised(request, body).send().await?).await
    }

    async fn profile(&self, email: &str) -> Outcome<Bytes> {
        let url = format!("{}/crm/profiles?email={}", self.url, email.replace('@', "%40"));
        let response = self.client.get(url).send().await?;
        // 404 where there is no profile.
        Ok(response.bytes().await?)
    }

    async fn put(&self, id: &str, profile: &Bytes, number: u64) -> Outcome<Bytes> {
        let (own, profile) = (attributes(number), std::str::from_utf8(profile)?);
        let body = format!(
            "{{\"attributes\":{},{},\"consentTimestamp\":\"2026-01-01T00:00:00.000Z\",\"authMethod\":\"guest-api\",\"sessionVersion\":\"1.0\"}}}}",
            own.trim_end_matches('}'),
            &profile[1..profile.len() - 1]
        );
        let request = self.client.put(format!("{}/api/v2/engagements/guests/{id}", self.url));
        read(self.authorised(request, body).send().await?).await
    }

    async fn report(&self, event: String) -> Outcome<Bytes> {
        let request = self.client.post(format!("{}/webhook", self.url)).header(CONTENT_TYPE, JSON).body(event);
        read(request.send().await?).await
    }

    fn authorised(&self, request: reqwest::RequestBuilder, body: String) -> reqwest::RequestBuilder {
        const REQUEST_ID: HeaderName = HeaderName::from_static("x-genesys-request-id");
        request
            .header(AUTHORIZATION, self.bearer.clone())
            .header(CONTENT_TYPE, JSON)
            .header(REQUEST_ID, HeaderValue::from_static("6e8bc430-9c3a-4d9d-8d5c-2f3f6a1b7c11"))
            .body(body)
    }
}

async fn token(client: &Client, url: &str) -> Outcome<String> {
    let form = "grant_type=client_credentials&client_id=bench-client&client_secret=bench-secret&scope=guest%3Awrite+guest%3Aread";
    let request = client.post(format!("{url}/oauth/token")).body(form);
    let request = request.header(CONTENT_TYPE, HeaderValue::from_static("application/x-www-form-urlencoded"));
    let answer = read(request.send().await?).await?;
    Ok(member(&answer, "access_token")?.to_owned())
}

async fn read(response: Response) -> Outcome<Bytes> {
    let response = response.error_for_status()?;
    Ok(response.bytes().await?)
}

/// The value of the first member with this name: a string without escapes.
fn member<'a>(json: &'a Bytes, name: &str) -> Outcome<&'a str> {
    let text = std::str::from_utf8(json)?;
    let start = text.find(&format!("\"{name}\":\"")).ok_or("an answer lacks a member")? + name.len() + 4;
    let length = text[start..].find('"').ok_or("an answer is cut off")?;
    Ok(&text[start..start + length])
}

/// The same as in `lib/load.mjs`.
fn attributes(number: u64) -> String {
    format!(
        "{{\"page\":\"/checkout/payment\",\"locale\":\"en-IE\",\"returning\":true,\"cart\":{{\"items\":3,\"total\":149.9,\"currency\":\"EUR\"}},\"campaign\":{{\"source\":\"newsletter\",\"medium\":\"email\",\"name\":\"autumn\"}},\"visits\":{}}}",
        number % 40
    )
}

/// Microseconds that the threads of this process have been on a CPU.
fn cpu_micros() -> Outcome<f64> {
    let mut nanos = 0.0;
    for task in std::fs::read_dir("/proc/self/task")? {
        let line = std::fs::read_to_string(task?.path().join("schedstat"))?;
        nanos += line.split(' ').next().unwrap_or_default().parse::<f64>()?;
    }
    Ok(nanos / 1000.0)
}
