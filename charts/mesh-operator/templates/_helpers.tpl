{{- define "mesh-operator.selector" -}}
app.kubernetes.io/name: mesh-operator
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end }}

{{- define "mesh-operator.ownLabels" -}}
{{ include "mesh-operator.selector" . }}
app.kubernetes.io/part-of: mesh-operator
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version }}
{{- end }}

{{- /* Labels and annotations of an object. Of a list: the chart's context, further labels, further annotations. */ -}}
{{- define "mesh-operator.metadata" -}}
{{- $ := index . 0 -}}
{{- $annotations := merge (dict) (index . 2) $.Values.commonAnnotations -}}
labels:
  {{- merge (include "mesh-operator.ownLabels" $ | fromYaml) (index . 1) $.Values.commonLabels | toYaml | nindent 2 }}
{{- if $annotations }}
annotations:
  {{- toYaml $annotations | nindent 2 }}
{{- end }}
{{- end }}

{{- define "mesh-operator.plainMetadata" -}}
{{ include "mesh-operator.metadata" (list . dict dict) }}
{{- end }}

{{- define "mesh-operator.crdMetadata" -}}
{{- $ := index . 0 -}}
{{ include "mesh-operator.metadata" (list $ (index . 1) ($.Values.crds.keep | ternary (dict "helm.sh/resource-policy" "keep") dict)) }}
{{- end }}

{{- /* An image from the registry that is set, in place of the one in its name. Of a list: the chart's context, the image. */ -}}
{{- define "mesh-operator.fromRegistry" -}}
{{- $ := index . 0 -}}
{{- $image := index . 1 -}}
{{- $registry := $.Values.imageRegistry | default $.Values.global.imageRegistry -}}
{{- if $registry -}}
{{- $first := splitList "/" $image | first -}}
{{- if and (contains "/" $image) (or (contains "." $first) (contains ":" $first) (eq $first "localhost")) -}}
{{- $image = trimPrefix (printf "%s/" $first) $image -}}
{{- end -}}
{{- printf "%s/%s" (trimSuffix "/" $registry) $image -}}
{{- else -}}
{{- $image -}}
{{- end -}}
{{- end }}

{{- define "mesh-operator.image" -}}
{{- $suffix := printf ":%s" (.Values.image.tag | default .Chart.AppVersion) -}}
{{- with .Values.image.digest }}{{ $suffix = printf "@%s" . }}{{ end -}}
{{- include "mesh-operator.fromRegistry" (list . (printf "%s%s" .Values.image.repository $suffix)) -}}
{{- end }}

{{- /* An image of pods in the mesh: empty for the operator's default, unless that comes from another registry. Of a list: the chart's
context, the value, the name of the default in files/images.yaml. */ -}}
{{- define "mesh-operator.meshImage" -}}
{{- $ := index . 0 -}}
{{- $image := index . 1 -}}
{{- if and (not $image) (or $.Values.imageRegistry $.Values.global.imageRegistry) -}}
{{- $image = index ($.Files.Get "files/images.yaml" | fromYaml) (index . 2) -}}
{{- end -}}
{{- if $image }}{{ include "mesh-operator.fromRegistry" (list $ $image) }}{{ end -}}
{{- end }}

{{- define "mesh-operator.pullSecrets" -}}
{{- with concat .Values.imagePullSecrets .Values.global.imagePullSecrets -}}
imagePullSecrets:
  {{- range . }}
  - name: {{ kindIs "string" . | ternary . (get (kindIs "string" . | ternary dict .) "name") }}
  {{- end }}
{{- end -}}
{{- end }}

{{- define "mesh-operator.serviceAccount" -}}
{{ .Values.serviceAccount.name | default "mesh-operator" }}
{{- end }}

{{- /* The most replicas that there can be, but for those that an update adds. */ -}}
{{- define "mesh-operator.mostReplicas" -}}
{{ .Values.autoscaling.enabled | ternary .Values.autoscaling.maxReplicas .Values.replicas }}
{{- end }}

{{- define "mesh-operator.fewestReplicas" -}}
{{ .Values.autoscaling.enabled | ternary .Values.autoscaling.minReplicas .Values.replicas }}
{{- end }}

{{- /* Pods of the priority class: two for each replica, as a pod that ends counts until it has ended, and those that an update adds. */ -}}
{{- define "mesh-operator.quotaPods" -}}
{{- $most := include "mesh-operator.mostReplicas" . | int -}}
{{- $surge := dig "rollingUpdate" "maxSurge" 1 .Values.updateStrategy | toString -}}
{{- $added := int $surge -}}
{{- if hasSuffix "%" $surge -}}
{{- $added = divf (mul $most (trimSuffix "%" $surge | int)) 100 | ceil | int -}}
{{- end -}}
{{ .Values.priorityQuota.pods | default (add (mul 2 $most) $added) }}
{{- end }}

{{- define "mesh-operator.affinity" -}}
{{- $apart := dict -}}
{{- $term := dict "topologyKey" .Values.antiAffinity.topologyKey "labelSelector" (dict "matchLabels" (include "mesh-operator.selector" . | fromYaml)) -}}
{{- if eq .Values.antiAffinity.type "Preferred" -}}
{{- $weighted := dict "weight" 100 "podAffinityTerm" $term -}}
{{- $apart = dict "podAntiAffinity" (dict "preferredDuringSchedulingIgnoredDuringExecution" (list $weighted)) -}}
{{- else if eq .Values.antiAffinity.type "Required" -}}
{{- $apart = dict "podAntiAffinity" (dict "requiredDuringSchedulingIgnoredDuringExecution" (list $term)) -}}
{{- end -}}
{{- if hasKey .Values.affinity "podAntiAffinity" }}{{ $apart = dict }}{{ end -}}
{{- with merge (dict) .Values.affinity $apart }}{{ toYaml . }}{{ end -}}
{{- end }}

{{- /* What the webhooks for pods and those for policies have in common. */ -}}
{{- define "mesh-operator.webhook" -}}
admissionReviewVersions: [v1]
sideEffects: None
matchPolicy: Equivalent
timeoutSeconds: {{ .Values.webhooks.timeoutSeconds }}
{{- end }}

{{- define "mesh-operator.service" -}}
name: mesh-operator
namespace: {{ .Release.Namespace }}
port: 443
{{- end }}

{{- /* Conditions of the mesh, then those of a value. Of a list: conditions as YAML, the value. */ -}}
{{- define "mesh-operator.conditions" -}}
{{- $own := index . 0 | fromYamlArray -}}
{{- $further := index . 1 -}}
{{- with $further.matchLabels -}}
matchLabels:
  {{- toYaml . | nindent 2 }}
{{ end -}}
matchExpressions:
  {{- concat $own ($further.matchExpressions | default list) | toYaml | nindent 2 }}
{{- end }}
