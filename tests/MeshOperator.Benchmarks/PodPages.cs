using System.Globalization;
using System.Net;
using System.Text;
using k8s;
using MeshOperator.Kubernetes.Client;

namespace MeshOperator.Benchmarks;

/// <summary>Answers lists of pods, in pages, and watches that stay silent. The pods are as large as those of a real cluster: about
/// 6.5 KiB of JSON each, with managed fields, environment, probes, volumes and status.</summary>
internal sealed class PodPages(int pods) : DelegatingHandler
{
    /// <summary>The bytes sent so far.</summary>
    public long Sent { get; private set; }

    public KubernetesTransport Transport() =>
        new(
            new k8s.Kubernetes(new KubernetesClientConfiguration { Host = "http://127.0.0.1:1" }, this),
            TimeProvider.System,
            null,
            new Random(1)
        );

    protected override async Task<HttpResponseMessage> SendAsync(HttpRequestMessage request, CancellationToken cancellationToken)
    {
        var query = System.Web.HttpUtility.ParseQueryString(request.RequestUri!.Query);
        if (query["watch"] is not null)
            await Task.Delay(Timeout.InfiniteTimeSpan, TimeProvider.System, cancellationToken);
        var from = int.Parse(query["continue"] ?? "0", CultureInfo.InvariantCulture);
        var to = Math.Min(pods, from + int.Parse(query["limit"]!, CultureInfo.InvariantCulture));
        var next = to < pods ? $",\"continue\":\"{to}\"" : string.Empty;
        var json = Encoding.UTF8.GetBytes(
            $"{{\"metadata\":{{\"resourceVersion\":\"{pods}\"{next}}},\"items\":[{string.Join(',', Enumerable.Range(from, to - from).Select(Pod))}]}}"
        );
        Sent += json.Length;
        return new HttpResponseMessage(HttpStatusCode.OK) { Content = new ByteArrayContent(json) };
    }

    private static string Pod(int i)
    {
        var app = $"app-{i / 20}";
        var fields = string.Join(',', Enumerable.Range(0, 40).Select(f => $"\"f:field-{f}\":{{\"f:name\":{{}},\"f:value\":{{}}}}"));
        var env = string.Join(
            ',',
            Enumerable.Range(0, 12).Select(e => $"{{\"name\":\"SETTING_{e}\",\"value\":\"value of setting {e} of {app}\"}}")
        );
        const string Probe =
            """{"httpGet":{"path":"/healthz","port":8080,"scheme":"HTTP"},"initialDelaySeconds":5,"periodSeconds":10,"timeoutSeconds":1,"failureThreshold":3,"successThreshold":1}""";
        return $$"""
            {"metadata":{"name":"{{app}}-7d4b9c6f5d-{{i}}","generateName":"{{app}}-7d4b9c6f5d-","namespace":"team-{{i
                / 500}}","uid":"00000000-0000-0000-0000-{{i:000000000000}}",
            "resourceVersion":"{{i
                + 1}}","creationTimestamp":"2026-01-01T00:00:00Z","labels":{"app":"{{app}}","version":"v1","pod-template-hash":"7d4b9c6f5d","meshoperator.io/proxy":"envoy"},
            "annotations":{"meshoperator.io/status":"{\"version\":\"0.1.0\",\"containers\":[\"proxy\"],\"volumes\":[\"mesh-token\"]}","checksum/config":"d41d8cd98f00b204e9800998ecf8427ed41d8cd98f00b204e9800998ecf8427e"},
            "ownerReferences":[{"apiVersion":"apps/v1","kind":"ReplicaSet","name":"{{app}}-7d4b9c6f5d","uid":"00000000-0000-0000-0001-{{i
                / 20:000000000000}}","controller":true,"blockOwnerDeletion":true}],
            "managedFields":[{"manager":"kube-controller-manager","operation":"Update","apiVersion":"v1","time":"2026-01-01T00:00:00Z","fieldsType":"FieldsV1","fieldsV1":{"f:spec":{ {{fields}} } } }]},
            "spec":{"serviceAccountName":"{{app}}","nodeName":"node-{{i
                % 100}}","restartPolicy":"Always","dnsPolicy":"ClusterFirst","schedulerName":"default-scheduler",
            "containers":[
            {"name":"app","image":"registry.example.com/team/{{app}}:1.2.3","imagePullPolicy":"IfNotPresent","ports":[{"name":"http","containerPort":8080,"protocol":"TCP"}],"env":[{{env}}],
            "resources":{"requests":{"cpu":"100m","memory":"128Mi"},"limits":{"memory":"256Mi"} },"livenessProbe":{{Probe}},"readinessProbe":{{Probe}},
            "volumeMounts":[{"name":"config","mountPath":"/etc/config"},{"name":"kube-api-access","readOnly":true,"mountPath":"/var/run/secrets/kubernetes.io/serviceaccount"}],"terminationMessagePath":"/dev/termination-log"},
            {"name":"proxy","image":"envoyproxy/envoy:v1.30","args":["--config-yaml","{{new string(
                'x',
                800
            )}}"],"resources":{"requests":{"cpu":"100m","memory":"64Mi"} },"readinessProbe":{{Probe}} }],
            "tolerations":[{"key":"node.kubernetes.io/not-ready","operator":"Exists","effect":"NoExecute","tolerationSeconds":300},{"key":"node.kubernetes.io/unreachable","operator":"Exists","effect":"NoExecute","tolerationSeconds":300}],
            "volumes":[{"name":"config","configMap":{"name":"{{app}}","defaultMode":420} },{"name":"kube-api-access","projected":{"defaultMode":420,"sources":[{"serviceAccountToken":{"expirationSeconds":3607,"path":"token"} },{"configMap":{"name":"kube-root-ca.crt","items":[{"key":"ca.crt","path":"ca.crt"}]} }]} }]},
            "status":{"phase":"Running","hostIP":"10.0.0.{{i % 100}}","podIP":"10.1.{{i / 250}}.{{i % 250}}","podIPs":[{"ip":"10.1.{{i
                / 250}}.{{i % 250}}"}],"startTime":"2026-01-01T00:00:00Z","qosClass":"Burstable",
            "conditions":[{"type":"Ready","status":"True","lastTransitionTime":"2026-01-01T00:00:00Z"},{"type":"Initialized","status":"True","lastTransitionTime":"2026-01-01T00:00:00Z"}],
            "containerStatuses":[{"name":"app","ready":true,"restartCount":0,"image":"registry.example.com/team/{{app}}:1.2.3","imageID":"registry.example.com/team/{{app}}@sha256:d41d8cd98f00b204e9800998ecf8427e","containerID":"containerd://{{i:0000000000000000}}","state":{"running":{"startedAt":"2026-01-01T00:00:00Z"} } }]} }
            """.ReplaceLineEndings(
            string.Empty
        );
    }
}
