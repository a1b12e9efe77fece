namespace MeshOperator.LocalCluster.Tests;

/// <summary>Objects that many tests use.</summary>
internal static class Manifests
{
    public static string Deployment(string name, int replicas, string image = "nginx:1") =>
        $$$$$"""
            {"apiVersion":"apps/v1","kind":"Deployment","metadata":{"name":"{{{{{name}}}}}","labels":{"app":"{{{{{name}}}}}"}},
             "spec":{"replicas":{{{{{replicas}}}}},"selector":{"matchLabels":{"app":"{{{{{name}}}}}"}},
              "template":{"metadata":{"labels":{"app":"{{{{{name}}}}}"}},
               "spec":{"containers":[{"name":"app","image":"{{{{{image}}}}}","ports":[{"name":"http","containerPort":8080}]}]}}}}
            """;

    public static string Service(string name, string app) =>
        $$$"""
            {"apiVersion":"v1","kind":"Service","metadata":{"name":"{{{name}}}"},"spec":{"selector":{"app":"{{{app}}}"},
            "ports":[{"name":"http","port":80,"targetPort":"http"}]}}
            """;

    public static string Pod(string name, string labels = "{}") =>
        $$$"""
            {"apiVersion":"v1","kind":"Pod","metadata":{"name":"{{{name}}}","labels":{{{labels}}}},"spec":{"containers":[{"name":"app",
            "image":"nginx:1"}]}}
            """;

    public static string ConfigMap(string name, string value = "1") =>
        $$$"""{"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":"{{{name}}}"},"data":{"key":"{{{value}}}"}}""";

    /// <summary>A definition whose objects have a bit of everything; the group keeps tests apart.</summary>
    public static string Definition(string group) =>
        $$$$$$$"""
            {"apiVersion":"apiextensions.k8s.io/v1","kind":"CustomResourceDefinition","metadata":{"name":"widgets.{{{{{{{group}}}}}}}"},
             "spec":{"group":"{{{{{{{group}}}}}}}","scope":"Namespaced",
              "names":{"plural":"widgets","singular":"widget","kind":"Widget","listKind":"WidgetList","shortNames":["wd"],
              "categories":["gadgets"]},
              "versions":[{"name":"v1","served":true,"storage":true,"subresources":{"status":{}},
               "additionalPrinterColumns":[
                {"name":"Mode","type":"string","jsonPath":".spec.mode"},
                {"name":"Accepted","type":"string","jsonPath":".status.conditions[?(@.type==\"Accepted\")].status"},
                {"name":"Age","type":"date","jsonPath":".metadata.creationTimestamp"}],
               "schema":{"openAPIV3Schema":{"type":"object","properties":{
                "spec":{"type":"object","required":["service"],"properties":{
                 "service":{"type":"string","minLength":1,"pattern":"^[a-z]+$"},
                 "mode":{"type":"string","enum":["Strict","Permissive"],"default":"Strict"},
                 "attempts":{"type":"integer","minimum":1,"maximum":10},
                 "port":{"x-kubernetes-int-or-string":true},
                 "tags":{"type":"array","x-kubernetes-list-type":"set","items":{"type":"string"}},
                 "free":{"type":"object","x-kubernetes-preserve-unknown-fields":true},
                 "backends":{"type":"array","maxItems":3,"x-kubernetes-list-type":"map","x-kubernetes-list-map-keys":["name"],
                  "items":{"type":"object","required":["name"],"properties":{"name":{"type":"string"},"weight":{"type":"integer",
                  "minimum":0,"default":1}}}}}},
                "status":{"type":"object","x-kubernetes-preserve-unknown-fields":true}}}}}]}}
            """;
}
