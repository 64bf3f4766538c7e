//! Every recorded case of the original, through the binary, on a real API server.

use crate::api::api;
use crate::proxy::Proxy;
use crate::support::compare::differences;
use crate::support::harness::{run_all, with_requests};
use crate::support::objects::encoded;
use crate::support::pod::{Cluster, Pod};
use crate::support::tally::Mark;

#[test]
#[ignore = "needs a cluster: tests/cluster/run"]
fn every_recorded_case_holds_on_a_real_api_server() {
    let api = api();
    // One at a time: the cases share their namespaces and names.
    let tally = run_all(1, |case, expect| {
        let pod = Pod::lay_out(case);
        for object in case.objects.values() {
            api.create(&encoded(object));
        }
        let proxy = Proxy::start(api, case);
        let cluster = match &case.server {
            _ if case.no_kubeconfig => Cluster::None,
            Some(address) => Cluster::Server(address.clone()),
            None => Cluster::Server(proxy.address()),
        };
        let run = pod.run(case, &cluster);
        let mut found = differences(expect, &case.objects, &api.objects(), &run);
        found.extend(with_requests(case, expect, &proxy.requests()));
        api.remove_all();
        Some((found, run))
    });
    assert_eq!(tally.count(Mark::Failed), 0);
    assert_eq!(tally.count(Mark::Elsewhere), 0);
}
