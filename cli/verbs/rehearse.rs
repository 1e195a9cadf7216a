//! stub
pub(crate) fn rehearse(
    _: &super::App,
    _: &crate::args::RehearseArgs,
) -> Result<crate::exit::Exit, crate::failure::Failure> {
    unimplemented!()
}
