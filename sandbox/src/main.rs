//! The sandbox as a program: prints one line of JSON with its addresses, then serves until it is told to stop.

mod arguments;

use std::io::{self, Read as _, Write as _};
use std::process::ExitCode;

use arguments::Command;
use sandbox::{Options, Sandbox};
use tokio::sync::oneshot;

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    let (options, exit_with_stdin) = match arguments::read(std::env::args().skip(1)) {
        Ok(Command::Run { options, exit_with_stdin }) => (options, exit_with_stdin),
        Ok(Command::Help) => {
            print!("{}", arguments::HELP);
            return ExitCode::SUCCESS;
        }
        Err(invalid) => {
            eprintln!("sandbox: {invalid}\n\n{}", arguments::HELP);
            return ExitCode::from(2);
        }
    };
    match run(*options, exit_with_stdin).await {
        // A thread may still be waiting for standard input.
        Ok(()) => std::process::exit(0),
        Err(error) => {
            eprintln!("sandbox: cannot start: {error}");
            ExitCode::FAILURE
        }
    }
}

async fn run(options: Options, exit_with_stdin: bool) -> io::Result<()> {
    let sandbox = Sandbox::start(options).await?;
    // Before the line is printed: whoever reads it may want the end at once.
    let told_to_stop = told_to_stop()?;
    writeln!(io::stdout(), "{}", sandbox.addresses())?;
    tokio::select! {
        () = stdin_closed(), if exit_with_stdin => {}
        () = told_to_stop => {}
    }
    Ok(())
}

/// Waits until standard input ends: with the parent, however that ends.
async fn stdin_closed() {
    let (ended, end) = oneshot::channel();
    std::thread::spawn(move || {
        let mut scrap = [0; 256];
        while io::stdin().read(&mut scrap).is_ok_and(|read| read > 0) {}
        let _ = ended.send(());
    });
    let _ = end.await;
}

/// Listens for SIGTERM and SIGINT from now on; the future waits for one of them.
#[cfg(unix)]
fn told_to_stop() -> io::Result<impl Future<Output = ()>> {
    use tokio::signal::unix::{SignalKind, signal};
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    Ok(async move {
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
    })
}

/// Listens for Ctrl-C from now on; the future waits for it.
#[cfg(windows)]
fn told_to_stop() -> io::Result<impl Future<Output = ()>> {
    let mut interrupt = tokio::signal::windows::ctrl_c()?;
    Ok(async move { drop(interrupt.recv().await) })
}
