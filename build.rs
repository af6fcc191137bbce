//! Sets the linker options that a Node.js addon needs.

fn main() {
    #[cfg(feature = "addon")]
    napi_build::setup();
}
